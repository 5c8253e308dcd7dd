/**
 * The child's side of bench/children.ts: answers what it is asked over its channel, and ends when its parent is gone or says so.
 */

export type Handlers = Readonly<Record<string, (...args: never[]) => unknown>>

export function answer(handlers: Handlers, close: () => Promise<void>): void {
  process.on('message', ({ id, what, args }: { id: number; what: string; args: never[] }) => {
    void (async () => handlers[what]!(...args))().then(
      (value) => process.send!({ id, value: value ?? null }),
      (error: unknown) =>
        process.send!({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
  process.once('disconnect', () => process.exit(1))
  // An orderly end, so that a profile that was asked for is written.
  process.once('SIGTERM', () => void close().finally(() => process.exit(0)))
}
