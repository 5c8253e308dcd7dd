/** The routes that are no single command, described. */

import Type from 'typebox'
import { IDEMPOTENCY_KEY_LENGTH_MAX } from '../../../task/limits.ts'
import { COMMON_ERRORS } from '../../../wire/protocol/method.ts'
import { closed, open, orNull, Time } from '../../../wire/protocol/shapes.ts'
import { SubmitTask } from '../../../wire/protocol/task.ts'
import { METHODS } from '../../../wire/protocol.ts'
import { RIGHTS } from '../../access/rights.ts'
import { UNREADY_REASONS } from '../health.ts'
import type { DescribedRoute } from './described.ts'

const submit = METHODS['task.submit']
const { receipts } = submit.result.properties
const { durability } = submit.params.properties
const watch = METHODS['task.watch'].params.properties

const Session = open(
  {
    identity: Type.String({
      description: 'The name under which the server knows you; `anonymous`: under none.',
    }),
    needsToken: Type.Boolean({ description: 'Nothing is allowed before a token was shown.' }),
    rights: Type.Array(Type.Enum([...RIGHTS]), { description: 'Rights for some tasks at least.' }),
    csrf: orNull(Type.String(), 'For the header X-CSRF-Token; null where no cookie was given.'),
    expiresAt: orNull(Time('A time.'), 'When the cookie ends.'),
  },
  'Who asks.',
  'session',
)

const Readiness = open(
  {
    ready: Type.Boolean({ description: 'Whether this server should be sent work.' }),
    reasons: Type.Array(
      open({
        reason: Type.Enum(Object.keys(UNREADY_REASONS), { description: 'For programs.' }),
        message: Type.String({ description: 'For people.' }),
      }),
      { description: 'Why not; empty where it is ready.' },
    ),
  },
  'Whether the server is ready.',
  'readiness',
)

const text = (type: string, description: string) => ({ 200: { description, type } })

export const BY_HAND: readonly DescribedRoute[] = [
  {
    verb: 'POST',
    path: '/v1/tasks',
    summary: 'Hands over one task, or many; answered when they are safe at the durability asked for.',
    tag: 'tasks',
    query: { durability },
    headers: {
      'Idempotency-Key': Type.String({
        minLength: 1,
        maxLength: IDEMPOTENCY_KEY_LENGTH_MAX,
        description: 'Becomes the id of tasks that have none: repeating the request is harmless.',
      }),
      traceparent: Type.String({
        description: 'W3C Trace Context: the trace of tasks that bring none of their own.',
      }),
    },
    body: Type.Union([SubmitTask, submit.params]),
    answers: {
      201: { description: 'One task was accepted; `Location` says where it is.', schema: receipts.items },
      200: {
        description: 'One task that was there already, or a receipt for each of many.',
        schema: Type.Union([receipts.items, submit.result]),
      },
    },
    errors: [...submit.errors, ...COMMON_ERRORS],
  },
  {
    verb: 'GET',
    path: '/v1/events',
    summary: 'News of tasks that match all fields given, as server-sent events: task, dropped, reset, end.',
    tag: 'system',
    query: watch,
    headers: {
      'Last-Event-ID': Type.String({
        description: 'Goes on after this event, where that is still possible.',
      }),
    },
    answers: text('text/event-stream', 'The stream; it does not end by itself.'),
    errors: [...METHODS['task.watch'].errors, ...COMMON_ERRORS],
  },
  {
    verb: 'POST',
    path: '/v1/session',
    summary: 'A browser shows its token and gets a cookie.',
    tag: 'session',
    body: closed({ token: Type.String({ maxLength: 256, description: 'From `chasqui token create`.' }) }),
    answers: { 200: { description: 'Welcome.', schema: Session } },
    errors: COMMON_ERRORS,
  },
  {
    verb: 'GET',
    path: '/v1/session',
    summary: 'Who asks, and whether a token is needed.',
    tag: 'session',
    answers: { 200: { description: 'Who you are.', schema: Session } },
    errors: COMMON_ERRORS,
  },
  {
    verb: 'DELETE',
    path: '/v1/session',
    summary: 'Forgets the cookie and ends the streams that were opened with it.',
    tag: 'session',
    answers: { 204: { description: 'Forgotten.' } },
    errors: COMMON_ERRORS,
  },
  {
    verb: 'GET',
    path: '/healthz',
    summary: 'Whether the process lives.',
    tag: 'operations',
    answers: { 200: { description: 'It does.', schema: open({ alive: Type.Literal(true) }) } },
    errors: ['SHUTTING_DOWN'],
  },
  {
    verb: 'GET',
    path: '/readyz',
    summary: 'Whether this server should be sent work, and why not.',
    tag: 'operations',
    answers: {
      200: { description: 'Ready.', schema: Readiness },
      503: { description: 'Not ready, or stopping.', schema: Readiness },
    },
    errors: [],
  },
  {
    verb: 'GET',
    path: '/metrics',
    summary: 'Metrics for Prometheus.',
    tag: 'operations',
    answers: text('text/plain', 'In the text format of Prometheus.'),
    errors: COMMON_ERRORS,
  },
  {
    verb: 'GET',
    path: '/openapi.json',
    summary: 'This document.',
    tag: 'operations',
    answers: { 200: { description: 'OpenAPI 3.1.', schema: open({ openapi: Type.String() }) } },
    errors: COMMON_ERRORS,
  },
  {
    verb: 'GET',
    path: '/docs',
    summary: 'This document, for people.',
    tag: 'operations',
    answers: text('text/html', 'A page that shows it.'),
    errors: ['SHUTTING_DOWN', 'FORBIDDEN'],
  },
  {
    verb: 'GET',
    path: '/',
    summary: 'The web page.',
    tag: 'operations',
    answers: text('text/html', 'The page; a few words where it was not built.'),
    errors: ['SHUTTING_DOWN', 'FORBIDDEN'],
  },
]
