/**
 * How long a worker has owed us a word. A worker that is asked for nothing may be silent for as long as it likes; one that holds deliveries
 * has to renew their leases. So the time counts from when it was last heard, or from the first delivery after that.
 *
 * A frozen process keeps its connection, for the kernel answers for it; without this it would be handed tasks again and again.
 */
export class WorkerVoice {
  #owedSinceMs = 0

  /** A delivery left. */
  spokenTo(nowMs: number, heardAtMs: number): void {
    if (this.#owedSinceMs <= heardAtMs) this.#owedSinceMs = nowMs
  }

  silentMs(nowMs: number, heardAtMs: number): number {
    return nowMs - Math.max(heardAtMs, this.#owedSinceMs)
  }
}
