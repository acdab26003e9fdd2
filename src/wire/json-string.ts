const QUOTE = 34
const BACKSLASH = 92
const COLON = 58

/** One character that Python's `json.dumps` does not write as it is: all but blank to `~`, and `"` and `\` among those. */
const UNSAFE = /[^ !#-[\]-~]/
const EACH_UNSAFE = /[^ !#-[\]-~]/g

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

function escapeCharacter(character: string): string {
  return SHORT[character] ?? '\\u' + character.charCodeAt(0).toString(16).padStart(4, '0')
}

/** A JSON string in ASCII, as Python's `json.dumps` writes it; lone surrogates are kept. */
export function quoteString(text: string): string {
  return UNSAFE.test(text) ? '"' + text.replace(EACH_UNSAFE, escapeCharacter) + '"' : '"' + text + '"'
}

/** JSON text with whatever is not ASCII (it can stand in strings only) turned into escapes: the same value, other bytes. */
export function asciiJson(json: string): string {
  return json.replace(/[^\0-\x7f]/g, escapeCharacter)
}

/**
 * Where the JSON string that begins at `start` (its opening quote) ends: the index after the closing quote, or -1. Jumps
 * from quote to quote, so that long texts cost nothing per character.
 */
export function stringEnd(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let first = end
    while (text.charCodeAt(first - 1) === BACKSLASH) first--
    if ((end - first) % 2 === 0) return end + 1
  }
  return -1
}

/** Where the object or array that begins at `start` ends: the index after its closing bracket, or -1. */
export function nestedEnd(text: string, start: number): number {
  let depth = 0
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = stringEnd(text, i) - 1
      if (i < 0) return -1
    } else if ((code | 32) === 123)
      depth++ // { and [ differ from each other in this bit only, and so do } and ]
    else if ((code | 32) === 125 && --depth === 0) return i + 1
  }
  return -1
}

/** The index of the next character that is no JSON blank. */
export function skipBlanks(text: string, start: number): number {
  let i = start
  for (let code = text.charCodeAt(i); code === 32 || code === 10 || code === 13 || code === 9; ) {
    code = text.charCodeAt(++i)
  }
  return i
}

/** Whether some key in a JSON text is written with an escape. Linear: from string to string. */
export function hasEscapedKey(text: string): boolean {
  let backslash = text.indexOf('\\')
  if (backslash < 0) return false
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = stringEnd(text, start)
    if (end < 0) return false
    if (backslash < start) backslash = text.indexOf('\\', start)
    if (backslash < 0) return false
    if (backslash < end && text.charCodeAt(skipBlanks(text, end)) === COLON) return true
    start = text.indexOf('"', end)
  }
  return false
}
