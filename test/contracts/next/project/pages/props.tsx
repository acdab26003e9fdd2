import type { GetServerSidePropsContext } from 'next'
import { csrfField } from 'sojourn/next'
import { pagesProps } from '../lib/sessions'

export const getServerSideProps = pagesProps(async ({ req, query }: GetServerSidePropsContext) => {
  const n = req.session.get('n', 0) + 1
  req.session.n = n
  if ('leave' in query) return { redirect: { destination: '/read', permanent: false } }
  return { props: { n, field: csrfField(req) } }
})

export default function Props({ n, field }: { n: number; field: ReturnType<typeof csrfField> }) {
  return (
    <>
      <pre>{n}</pre>
      <input {...field} />
    </>
  )
}
