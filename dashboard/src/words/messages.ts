/** The one table of messages: all that people read on the page, in both languages. */

import { FRAME_WORDS } from './frame-words.ts'
import { QUEUE_WORDS } from './queue-words.ts'
import { SYSTEM_WORDS } from './system-words.ts'
import { TASK_WORDS } from './task-words.ts'
import { WHY_WORDS } from './why-words.ts'

export const MESSAGES = {
  ...FRAME_WORDS,
  ...TASK_WORDS,
  ...QUEUE_WORDS,
  ...SYSTEM_WORDS,
  ...WHY_WORDS,
} as const

export type MessageKey = keyof typeof MESSAGES
