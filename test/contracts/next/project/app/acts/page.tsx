import { addThenRenew, callAdd, callLeave, callRenew, fail, leave, miss, sign, stay } from '../../lib/actions'
import { getSession, signed } from '../../lib/sessions'

const actions = { stay, leave, miss, fail, sign, addThenRenew, callAdd, callLeave, callRenew }

export default async function Acts() {
  const { n } = await getSession()
  const { n: s } = await signed.getSession()
  return (
    <>
      <pre>{JSON.stringify([n, s])}</pre>
      {Object.entries(actions).map(([name, action]) => (
        <form action={action} key={name} data-name={name}>
          <input name="n" />
        </form>
      ))}
    </>
  )
}
