/** What the writer and its checkpoint thread share. */

export interface CheckpointData {
  readonly path: string
  /** Int32 cells in shared memory, by the indexes below. */
  readonly signals: Int32Array
  readonly walBytesMax: number
}

/** Counts commits, so that the thread can sleep until there is one. */
export const COMMIT_COUNT = 0
/** RUNNING, or HOLDING once the writer has promised not to commit. */
export const HOLD_STATE = 1
export const CELLS = 2

export const RUNNING = 0
export const HOLDING = 1
