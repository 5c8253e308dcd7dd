/** Words about what queues are told. */

import type { Message } from './fill.ts'

export const QUEUE_WORDS = {
  'queue.mode.paused': { en: 'Paused', es: 'En pausa' },
  'queue.mode.draining': { en: 'Draining', es: 'Vaciándose' },
  'queue.failed': { en: 'Could not steer {queue}', es: 'No se pudo dirigir {queue}' },
  'queue.pause.act': { en: 'Pause', es: 'Pausar' },
  'queue.pause.question': { en: 'Pause {queue}?', es: '¿Pausar {queue}?' },
  'queue.pause.consequence': {
    en: 'No worker gets a task of it any more, on any server, until it is resumed. What runs goes on; new tasks are accepted and wait.',
    es: 'Ningún worker recibirá sus tareas, en ningún servidor, hasta que se reanude. Lo que está en curso sigue; las tareas nuevas se aceptan y esperan.',
  },
  'queue.pause.done': { en: '{queue} is paused', es: '{queue} está en pausa' },
  'queue.drain.act': { en: 'Drain', es: 'Vaciar' },
  'queue.drain.question': { en: 'Drain {queue}?', es: '¿Vaciar {queue}?' },
  'queue.drain.consequence': {
    en: 'It takes no new tasks until it is resumed: whoever submits one is refused. Those that it has are done.',
    es: 'No acepta tareas nuevas hasta que se reanude: a quien envíe una se le rechaza. Las que tiene se terminan.',
  },
  'queue.drain.done': { en: '{queue} takes no new tasks', es: '{queue} no acepta tareas nuevas' },
  'queue.resume.act': { en: 'Resume', es: 'Reanudar' },
  'queue.resume.done': { en: '{queue} works again', es: '{queue} funciona de nuevo' },
  'queue.purge.act': { en: 'Cancel all that waits', es: 'Cancelar todo lo que espera' },
  'queue.purge.question': {
    en: 'Cancel the {count} task that waits in {queue}? || Cancel all {count} tasks that wait in {queue}?',
    es: '¿Cancelar la {count} tarea que espera en {queue}? || ¿Cancelar las {count} tareas que esperan en {queue}?',
  },
  'queue.purge.consequence': {
    en: 'What waits and what is scheduled is not started. What runs goes on. Canceled tasks can be retried by hand.',
    es: 'Lo que espera y lo programado no empezará. Lo que está en curso sigue. Las tareas canceladas se pueden reintentar a mano.',
  },
  'queue.purge.done': {
    en: '{count} task of {queue} canceled || {count} tasks of {queue} canceled',
    es: '{count} tarea de {queue} cancelada || {count} tareas de {queue} canceladas',
  },
} as const satisfies Record<string, Message>
