/**
 * How deep a JSON text is nested, without parsing it: one loop, no recursion, no memory.
 *
 * It guards every recursive piece of code behind it (JSON.stringify, user code) and the parser's own memory.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Right for JSON; for other text any answer is fine, since parsing refuses it. */
export function isTooDeep(text: string, depthMax: number): boolean {
  const length = text.length
  // Each opener needs its closer, and a text that closes nothing is refused by the parser, at small cost when it is short.
  if (length <= 2 * depthMax) return false
  let depth = 0
  for (let at = 0; at < length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      for (at++; at < length; at++) {
        const inner = text.charCodeAt(at)
        if (inner === QUOTE) break
        if (inner === BACKSLASH) at++
      }
    } else if (char === OPEN_BRACKET || char === OPEN_BRACE) {
      if (++depth > depthMax) return true
    } else if (char === CLOSE_BRACKET || char === CLOSE_BRACE) depth--
  }
  return false
}
