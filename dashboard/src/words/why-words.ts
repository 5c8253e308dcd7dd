/** Words of the answer to "why is it not running?": a sentence for each kind of reason. */

import type { ReasonKind } from '../../../src/task/explanation.ts'
import type { Message } from './fill.ts'

export const WHY_WORDS = {
  'why.not-due': { en: 'It is due in {wait}.', es: 'Le toca en {wait}.' },
  'why.retry-not-due': {
    en: 'An attempt failed ({failures} so far); the next one is due in {wait}.',
    es: 'Falló un intento ({failures} hasta ahora); el siguiente será en {wait}.',
  },
  'why.waits-for-tasks': { en: 'It waits for other tasks.', es: 'Espera a otras tareas.' },
  'why.queue-paused': { en: 'Its queue is paused.', es: 'Su cola está en pausa.' },
  'why.no-worker': {
    en: 'No worker takes from its queue. Workers take from: {queues}.',
    es: 'Ningún worker toma de su cola. Hay workers en: {queues}.',
  },
  'why.type-unknown': {
    en: 'The workers of its queue do not know its type. They know: {types}.',
    es: 'Los workers de su cola no conocen su tipo. Conocen: {types}.',
  },
  'why.workers-busy': {
    en: 'The workers that know it have no slot free ({held} deliveries in {slots} slots).',
    es: 'Los workers que la conocen no tienen plaza libre ({held} entregas en {slots} plazas).',
  },
  'why.behind-others': {
    en: '{ahead} go first; about {wait} at the rate so far.',
    es: '{ahead} van antes; unos {wait} al ritmo actual.',
  },
  'why.runs-alone': {
    en: 'Workers died under it ({crashes}), so it waits for one that is free of everything else.',
    es: 'Murieron workers con ella ({crashes}): espera a uno que esté libre de todo lo demás.',
  },
  'why.imminent': {
    en: 'Nothing is in its way: it starts any moment.',
    es: 'Nada la detiene: empieza en cualquier momento.',
  },
  'why.running': {
    en: 'It runs on {worker}, which renews its lease ({wait} left).',
    es: 'Se ejecuta en {worker}, que renueva su plazo (quedan {wait}).',
  },
  'why.succeeded': { en: 'It is done.', es: 'Está hecha.' },
  'why.canceled': { en: 'Somebody cancelled it.', es: 'Alguien la canceló.' },
  'why.expired': {
    en: 'It was not started before its deadline.',
    es: 'No empezó antes de su plazo.',
  },
  'why.attempts-used-up': {
    en: 'Its attempts are used up ({maxAttempts}).',
    es: 'Se agotaron sus intentos ({maxAttempts}).',
  },
  'why.not-retryable': {
    en: 'Its error says that trying again is no use.',
    es: 'Su error dice que reintentar no sirve.',
  },
  'why.input-refused': {
    en: 'Its data does not fit what its handler takes.',
    es: 'Sus datos no son lo que su manejador acepta.',
  },
  'why.poison': {
    en: 'It killed too many workers.',
    es: 'Mató a demasiados workers.',
  },
} as const satisfies Readonly<Record<`why.${ReasonKind}`, Message>>
