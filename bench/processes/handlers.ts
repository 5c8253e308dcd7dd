/** The handlers of the measured worker: one that does nothing, and one that says when it started. Loaded by `chasqui worker`. */

import { library } from '../built.ts'
import { nowUs } from './task-client.ts'

const { defineTask } = await library()

export const noop = defineTask({ type: 'noop', run: async (_: object) => null })

export const stamp = defineTask({ type: 'stamp', run: async (_: object) => nowUs() })
