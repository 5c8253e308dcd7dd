/**
 * The environment that handlers see. Passwords and tokens of a deployment stand in variables of its processes, and what a worker needs to
 * connect its handlers do not; so they inherit only what says where and in which language they run, and what is named.
 */

/** Names, and beginnings of names. None of them holds a secret by its meaning. */
const INHERITED = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'HOSTNAME',
  'PWD',
  'TERM',
  'LANG',
  'LANGUAGE',
  'LC_*',
  'TZ',
  'TMPDIR',
  'TEMP',
  'TMP',
  'NODE_ENV',
  'NO_COLOR',
  'FORCE_COLOR',
  'NODE_EXTRA_CA_CERTS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  // Without these Windows starts nothing.
  'SYSTEMROOT',
  'WINDIR',
  'COMSPEC',
  'PATHEXT',
  'APPDATA',
  'LOCALAPPDATA',
  'USERPROFILE',
]

/** @param names further variables to pass on: `DATABASE_URL`, `AWS_*` for all that begin so, `*` for all */
export function handlerEnvironment(from: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  const wanted = [...INHERITED, ...names]
  const exact = new Set(wanted.filter((name) => !name.endsWith('*')))
  const beginnings = wanted.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1))
  const isWanted = (name: string) =>
    exact.has(name) ||
    (process.platform === 'win32' && exact.has(name.toUpperCase())) ||
    beginnings.some((beginning) => name.startsWith(beginning))
  return Object.fromEntries(Object.entries(from).filter(([name]) => isWanted(name)))
}
