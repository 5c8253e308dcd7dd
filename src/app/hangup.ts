/**
 * SIGHUP: read again what files say. Only listened to where there is something to read again: everywhere else the signal keeps its old
 * meaning, that the terminal is gone.
 */
export function listenForHangup(onHangup: () => void): { close(): void } {
  process.on('SIGHUP', onHangup)
  return { close: () => void process.off('SIGHUP', onHangup) }
}
