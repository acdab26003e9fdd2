/** HTML that was made here, so that it is not escaped again. */
class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

type Value = string | number | Html | readonly Html[]

/** A template that escapes every value which is not HTML already. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.map((part, at) => part + (at < values.length ? textOf(values[at] as Value) : '')).join(''))
}

/** Takes a text for HTML, such as what `csrfInput` gives. */
export function raw(text: string): Html {
  return new Html(text)
}

export type { Html }

function textOf(value: Value): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(textOf).join('')
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
