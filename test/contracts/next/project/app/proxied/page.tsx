import { headers } from 'next/headers'
import { getSession } from '../../lib/sessions'

export default async function Proxied() {
  const { n } = await getSession()
  return <pre>{JSON.stringify([n, (await headers()).get('x-added')])}</pre>
}
