/**
 * An address for people to see: who logs in stays, what with does not. Pure, and made for text that is no proper URL as well, because that is
 * when it stands in a message: passwords with `@`, `/` or `#` in them, a forgotten host.
 *
 * Invariant: when in doubt, less is shown.
 */

const SECRET_NAME = /pass|secret|token|key|credential/i

export function redactedUrl(text: string): string {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/is.exec(text) ?? []
  if (scheme === undefined || rest === undefined) return text
  // The last one: earlier ones belong to the password.
  const at = rest.lastIndexOf('@')
  if (at < 0) return scheme + withoutWords(withoutPassword(rest))
  const [user, ...password] = rest.slice(0, at).split(':')
  // Whatever comes before the last @ and is no plain name may be a part of a password.
  const login = /^[\w.%+~-]*$/.test(user!) ? user : '…'
  return `${scheme}${login}${password.length > 0 ? ':…' : ''}@${withoutWords(rest.slice(at + 1))}`
}

/** `user:password` where `host:port` should stand. */
function withoutPassword(rest: string): string {
  return rest.replaceAll(/(^|,)([^:,/?[\]]*):(?!\d{1,5}(?:[,/?#]|$))[^,]*/g, '$1$2:…')
}

function withoutWords(rest: string): string {
  return rest.replaceAll(/([?&])([^=&]*)=([^&]*)/g, (all, mark: string, name: string) =>
    SECRET_NAME.test(name) ? `${mark}${name}=…` : all,
  )
}
