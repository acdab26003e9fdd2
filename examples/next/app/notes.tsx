import { takeMessages } from 'sojourn/next'
import { getRequest } from '../lib/sessions'

/** What to tell the visitor, once. */
export async function Notes() {
  const notes = await takeMessages(await getRequest())
  return notes.map(({ message }, i) => (
    <p role="status" key={i}>
      {message}
    </p>
  ))
}
