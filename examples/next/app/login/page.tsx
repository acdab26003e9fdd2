import { logIn } from '../actions'
import { Notes } from '../notes'

export default function Login() {
  return (
    <>
      <Notes />
      <h1>Log in</h1>
      <form action={logIn}>
        <label>
          Name <input name="username" autoComplete="username" required />
        </label>
        <label>
          Password <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <button>Log in</button>
      </form>
    </>
  )
}
