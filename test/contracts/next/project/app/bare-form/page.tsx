import { csrfField } from 'sojourn/next'
import { getRequest } from '../../lib/sessions'

/** Where no proxy stands before it. */
export default async function BareForm() {
  try {
    return <input {...csrfField(await getRequest())} />
  } catch (error) {
    return <pre>{(error as { code: string }).code}</pre>
  }
}
