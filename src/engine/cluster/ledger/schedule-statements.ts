/** The table of schedules: found by name, and by when they have to be looked at. */

import { SPLIT } from './columns.ts'

const COLUMNS = 'name, version, next_at, schedule, state'

export const FIND_SCHEDULES = {
  name: 'schedules-find',
  text: `select ${COLUMNS} from cron where name = any(string_to_array($1, ${SPLIT}))`,
}
export const PAGE_SCHEDULES = {
  name: 'schedules-page',
  text: `select ${COLUMNS} from cron where name > $1 order by name limit $2`,
}
export const COUNT_SCHEDULES = { name: 'schedules-count', text: 'select count(*) from cron' }

/** Each over the version that it was made from; version 0: there was none. `$3`: -1 for never. Returns the names of those that were kept. */
export const WRITE_SCHEDULES = {
  name: 'schedules-write',
  text: `
  with w as (
    select * from unnest(
      string_to_array($1, ${SPLIT}), $2::bigint[], $3::bigint[], $4::int[], string_to_array($5, ${SPLIT}), string_to_array($6, ${SPLIT})
    ) w(name, version, next_at, waiting, schedule, state)
  ),
  u as (
    update cron c set version = c.version + 1, next_at = nullif(w.next_at, -1), waiting = w.waiting = 1, schedule = w.schedule, state = w.state
    from w where c.name = w.name and c.version = w.version and w.version > 0 returning c.name
  ),
  i as (
    insert into cron (name, version, next_at, waiting, schedule, state)
    select name, 1, nullif(next_at, -1), waiting = 1, schedule, state from w where version = 0
    on conflict do nothing returning name
  )
  select name from u union all select name from i`,
}
export const DELETE_SCHEDULES = {
  name: 'schedules-delete',
  text: `delete from cron where name = any(string_to_array($1, ${SPLIT})) returning name`,
}
export const DUE_SCHEDULES = {
  name: 'schedules-due',
  text: `select ${COLUMNS} from cron where next_at <= $1 order by next_at limit $2`,
}
export const NEXT_SCHEDULE = {
  name: 'schedules-next',
  text: 'select min(next_at) from cron where next_at is not null',
}
export const WAITING_SCHEDULES = { name: 'schedules-waiting', text: 'select name from cron where waiting' }
