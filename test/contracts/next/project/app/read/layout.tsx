import type { ReactNode } from 'react'
import { takeMessages } from 'sojourn/next'
import { getRequest, getSession } from '../../lib/sessions'

export default async function Layout({ children }: { children: ReactNode }) {
  const session = await getSession()
  const notes = await takeMessages(await getRequest())
  return (
    <>
      <pre>layout {JSON.stringify([session.get('n', 0), notes.map(String)])}</pre>
      {children}
    </>
  )
}
