import { login, messages, rotateToken, type Session } from 'sojourn/next'
import { getRequest, getSession } from '../../lib/sessions'

/** Whatever would change something in a component: what each throws. */
export default async function Write() {
  const session = await getSession()
  const request = await getRequest()
  // @ts-expect-error a session that can only be read
  const assign = () => (session.n = 1)
  // @ts-expect-error nor what is in it
  const push = () => session.list?.push('x')
  // @ts-expect-error it has none of the methods that change it
  const named = () => session.set('n', 1)
  const untyped = session as unknown as Session
  const ada = { id: 1, username: 'ada', password: 'pbkdf2_sha256$1$x$y', isActive: true }
  const tries: Record<string, () => unknown> = {
    assign,
    named,
    delete: () => delete (untyped as { n?: number }).n,
    cycleKey: () => untyped.cycleKey(),
    setExpiry: () => untyped.setExpiry(1),
    transact: () => untyped.transact((s) => s.set('n', 1)),
    login: () => login(request, ada),
    message: () => messages.info(request, 'hello'),
    rotateToken: () => rotateToken(request),
  }
  const codes: Record<string, unknown> = { push: typeof push }
  for (const [name, attempt] of Object.entries(tries)) {
    codes[name] = await (async () => attempt())().then(
      () => 'nothing',
      (error) => error.code,
    )
  }
  return <pre>{JSON.stringify(codes)}</pre>
}
