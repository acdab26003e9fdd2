import { takeMessages } from 'sojourn/next'
import { getRequest, getSession } from '../../lib/sessions'

export async function generateMetadata() {
  const session = await getSession()
  return { title: `n is ${session.get('n', 0)}` }
}

export default async function Read() {
  const { n = 0 } = await getSession()
  const notes = await takeMessages(await getRequest())
  return <pre>page {JSON.stringify([n, notes.map(String)])}</pre>
}
