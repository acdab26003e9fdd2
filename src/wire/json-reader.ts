import { skipBlanks, stringEnd } from './json-string.js'

const QUOTE = 34
const COMMA = 44
const COLON = 58

const LITERAL = /true|false|null|-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity)|NaN/y

/** Far more than a session may nest, far less than the stack holds. */
const MAX_DEPTH = 1000

/** Python writes `NaN`, `Infinity` and `-Infinity` bare; `Number` happens to read all of them. */
export const readNumber: (token: string) => unknown = Number

/** Sets a property as JSON does: `__proto__` becomes data, never the prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
  } else target[key] = value
}

/**
 * Python's JSON, which `JSON.parse` is not: bare words for the numbers JSON lacks, and each number handed over as the
 * text it came as. Slow; only for texts that need it. Throws `SyntaxError`.
 */
export function readJson(text: string, ofNumber: (token: string) => unknown = readNumber): unknown {
  let i = 0

  function value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new SyntaxError('nested too deep')
    i = skipBlanks(text, i)
    const character = text[i]
    if (character === '{') return object(depth)
    if (character === '[') return array(depth)
    if (character === '"') return string()
    LITERAL.lastIndex = i
    const token = LITERAL.exec(text)?.[0]
    if (token === undefined) throw new SyntaxError('no value')
    i += token.length
    if (token === 'true') return true
    if (token === 'false') return false
    return token === 'null' ? null : ofNumber(token)
  }

  function string(): string {
    const start = i
    const end = text.charCodeAt(start) === QUOTE ? stringEnd(text, start) : -1
    if (end < 0) throw new SyntaxError('no string')
    i = end
    return JSON.parse(text.slice(start, end)) as string
  }

  function object(depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    if (opensEmpty('}')) return result
    do {
      i = skipBlanks(text, i)
      const key = string()
      i = skipBlanks(text, i)
      if (text.charCodeAt(i++) !== COLON) throw new SyntaxError('no colon')
      setOwn(result, key, value(depth + 1))
    } while (continues('}'))
    return result
  }

  function array(depth: number): unknown[] {
    const result: unknown[] = []
    if (opensEmpty(']')) return result
    do result.push(value(depth + 1))
    while (continues(']'))
    return result
  }

  function opensEmpty(closing: string): boolean {
    i = skipBlanks(text, i + 1)
    if (text[i] !== closing) return false
    i++
    return true
  }

  function continues(closing: string): boolean {
    i = skipBlanks(text, i)
    if (text.charCodeAt(i) === COMMA) return ++i > 0
    if (text[i++] !== closing) throw new SyntaxError('no comma')
    return false
  }

  const result = value(0)
  if (skipBlanks(text, i) !== text.length) throw new SyntaxError('more than one value')
  return result
}
