/** The types of programs.mjs, which runs on any Node and so is no TypeScript. */

export interface Program {
  readonly name: string
  readonly isThere: () => boolean
  readonly debian: readonly string[]
  readonly purpose: string
}

export type CephProgram =
  | 'ceph'
  | 'ceph-authtool'
  | 'ceph-mon'
  | 'ceph-osd'
  | 'monmaptool'
  | 'radosgw'
  | 'radosgw-admin'

export const PROGRAMS: readonly Program[]
export function findProgram(name: string): string | null
export function findRabbitMq(): string | null
export function findPostgreSql(): string | null
export function findCeph(): Readonly<Record<CephProgram, string>> | null
export function findNginxStream(): { readonly path: string; readonly streamModule: string } | null
export function findPika(): string | null
export function findCelery(): string | null
