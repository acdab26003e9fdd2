/** Python's own limit on the digits of an `int` that becomes text, or is made of it (`sys.get_int_max_str_digits`). */
export const MAX_DIGITS = 4300

/** `repr(float)`, with JSON's words for what is no number: `1.0`, `1e+16`, `1e-05`, `NaN`, `-Infinity`. */
export function floatText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size >= 1e16 || size < 1e-4) return value.toExponential().replace(/([+-])(\d)$/, '$10$2')
  const text = String(value)
  return text.includes('.') ? text : text + '.0'
}
