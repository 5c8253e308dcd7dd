/** What the producer process asks of a client library, whichever it is. */

export interface TaskClient {
  /** Resolves when the task is confirmed. */
  submit(data: object): Promise<unknown>
  /** @param runAtMs where the library knows it: all of them are due then */
  submitMany(data: readonly object[], runAtMs?: number): Promise<unknown>
  /** Resolves when its result is here, with the moment (`nowUs`) at which its handler started. */
  roundTrip(data: object): Promise<number>
  close(): Promise<unknown>
}

/** Microseconds of a clock that all processes of a machine share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

/** About 100 bytes of JSON, a little different each time. */
export function payload(number: number): object {
  return { order: number, account: 'ES7620770024003102575766', cents: 129_900, note: 'two of the red ones' }
}
