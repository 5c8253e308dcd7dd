/** What the processes of the BullMQ side agree on. */

export const BULLMQ_QUEUE = 'bench'
