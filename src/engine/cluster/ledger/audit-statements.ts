/** The audit log in PostgreSQL. The table refuses changes by itself (schema.ts); what is asked again after a lost answer is there once. */

import { SPLIT } from './columns.ts'

/** `$1` at, `$2` result, `$3` act, `$4` who, `$5` origin, `$6` the line; `$7` who writes, `$8` numbers of the lines. */
export const APPEND_AUDIT = {
  name: 'append-audit',
  text: `
  insert into audit (at, result, act, who, origin, line, writer, number)
  select a, r, c, w, o, l, $7, n from unnest($1::bigint[], string_to_array($2, ${SPLIT}), string_to_array($3, ${SPLIT}),
    string_to_array($4, ${SPLIT}), string_to_array($5, ${SPLIT}), string_to_array($6, ${SPLIT}), $8::bigint[]) x(a, r, c, w, o, l, n) order by n
  on conflict (writer, number) do nothing`,
}
/** `$1` since, `$2` who, `$3` act, `$4` result, `$5` a piece of the line, each '' for any; `$6` before which seq, `$7` limit. Newest first. */
export const FIND_AUDIT = {
  name: 'find-audit',
  text: `
  select seq, line from audit where at >= $1 and ($2 = '' or who = $2) and ($3 = '' or act = $3) and ($4 = '' or result = $4)
    and ($5 = '' or strpos(line, $5) > 0) and seq < $6 order by seq desc limit $7`,
}
/** `$1` older than, `$2` limit. Run where `chasqui.audit_before` says the same: the table believes nothing else. */
export const PURGE_AUDIT = `with d as (delete from audit where seq in (select seq from audit where at < $1 order by at limit $2) returning seq) select count(*) from d`
