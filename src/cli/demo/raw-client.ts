/**
 * The seed's client, as it is: a TCP socket, one JSON object a task without a newline, and one line of confirmation for each. It uses nothing of
 * Chasqui on purpose: this is what any program in any language can do.
 */

import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

export interface RawTask {
  readonly id: string
  readonly type: string
  readonly data: unknown
}

export interface Confirmation {
  readonly status: 'ok' | 'error'
  readonly message: string
  readonly payload: { readonly id?: string; readonly state?: string; readonly durability?: string }
}

/** Sends the tasks over one connection, one after the other, each after the confirmation of the one before. */
export async function sendTasks<Task extends RawTask>(
  address: { readonly host: string; readonly port: number },
  tasks: readonly Task[],
  onConfirmation: (task: Task, confirmation: Confirmation) => void,
): Promise<void> {
  const socket = await connected(address)
  try {
    const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })[
      Symbol.asyncIterator
    ]()
    for (const task of tasks) {
      socket.write(JSON.stringify(task))
      const answer = await lines.next()
      if (answer.done) throw new Error(`the connection was closed before task ${task.id} was confirmed`)
      onConfirmation(task, JSON.parse(answer.value) as Confirmation)
    }
  } finally {
    socket.destroy()
  }
}

function connected(address: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(address, () => resolve(socket))
    socket.once('error', reject)
  })
}
