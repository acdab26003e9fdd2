import { quoteString } from './json-string.js'

/** What stands for each ASCII character in a JSON string. */
const ASCII: readonly string[] = Array.from({ length: 128 }, (_, code) =>
  quoteString(String.fromCharCode(code)).slice(1, -1),
)
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const ESCAPE: readonly string[] = HEX.map((high) => '\\u' + high)
/** 1 for each byte that is a character which stands for itself in ASCII JSON. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) => (ASCII[byte] === String.fromCharCode(byte) ? 1 : 0))

/**
 * The JSON string of UTF-8 bytes with the surrogates that Python's `surrogatepass` lets through; `null` if they are no UTF-8. `latin1`
 * is all the bytes as characters, so that plain runs are taken out of it whole.
 */
export function quoteUtf8(bytes: Uint8Array, latin1: string, start: number, end: number): string | null {
  let json = '"'
  let from = start
  for (let i = start; i < end; ) {
    const byte = bytes[i]!
    if (PLAIN[byte] === 1) {
      i++
      continue
    }
    if (from < i) json += latin1.slice(from, i)
    if (byte < 128) {
      json += ASCII[byte]!
      i++
    } else {
      const code = codePointAt(bytes, i, end)
      if (code < 0) return null
      i += code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      json += code < 0x10000 ? escaped(code) : escaped(0xd7c0 + (code >> 10)) + escaped(0xdc00 | (code & 0x3ff))
    }
    from = i
  }
  return json + latin1.slice(from, end) + '"'
}

function escaped(unit: number): string {
  return ESCAPE[unit >> 8]! + HEX[unit & 255]!
}

/** RFC 3629, section 4, surrogates included; -1 for anything else. */
function codePointAt(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (first < 0xc2 || first > 0xf4 || start + size > end) return -1
  let code = first & (0x7f >> size)
  for (let i = start + 1; i < start + size; i++) {
    const byte = bytes[i]!
    if ((byte & 0xc0) !== 0x80) return -1
    code = (code << 6) | (byte & 0x3f)
  }
  const isShortest = size === 2 || (size === 3 ? code > 0x7ff : code > 0xffff)
  return isShortest && code <= 0x10ffff ? code : -1
}

/** Puts a text as UTF-8 at `at`, lone surrogates as `surrogatepass` does, and returns where it ends. */
export function writeUtf8(bytes: Uint8Array, at: number, text: string): number {
  let end = at
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!
    if (code < 0x80) bytes[end++] = code
    else {
      if (code < 0x800) bytes[end++] = 0xc0 | (code >> 6)
      else {
        if (code < 0x10000) bytes[end++] = 0xe0 | (code >> 12)
        else {
          bytes[end++] = 0xf0 | (code >> 18)
          bytes[end++] = 0x80 | ((code >> 12) & 0x3f)
          i++
        }
        bytes[end++] = 0x80 | ((code >> 6) & 0x3f)
      }
      bytes[end++] = 0x80 | (code & 0x3f)
    }
  }
  return end
}

/** The JSON string of protocol 0's text: Latin-1 with `\u` and `\U` escapes. `null` for a backslash that begins neither. */
export function quoteRawUnicode(line: string): string | null {
  let isWhole = true
  const text = line.replace(/\\(?:u([\da-fA-F]{4})|U(00(?:0[\da-fA-F]|10)[\da-fA-F]{4})|)/g, (_, four, eight) => {
    const code: string | undefined = four ?? eight
    if (code === undefined) isWhole = false
    return code === undefined ? '' : String.fromCodePoint(Number.parseInt(code, 16))
  })
  return isWhole ? quoteString(text) : null
}
