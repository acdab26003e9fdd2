import { csrfField } from 'sojourn/next'
import { getRequest } from '../../lib/sessions'

export default async function Form() {
  return <input {...csrfField(await getRequest())} />
}
