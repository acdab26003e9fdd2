import { checkPassword, makePassword, type User, type UserBackend } from 'sojourn/auth'

/** So little work that every machine does it at once, which is right for a password that everybody knows, and for no other. */
const rules = { iterations: 10_000 }

const ada: Promise<User> = makePassword('demo-ada-1815', rules).then((password) => ({
  id: 1,
  username: 'ada',
  password,
  isActive: true,
}))

/** The one user of the examples, in memory. A real site keeps its users in a database; Django's table is the default. */
export const demoUsers: UserBackend = {
  path: 'examples.DemoUsers',
  async authenticate({ username, password }) {
    const user = await ada
    const isRight = typeof password === 'string' && (await checkPassword(password, user.password, rules))
    return isRight && username === user.username ? user : null
  },
  async getUser(id) {
    const user = await ada
    return id === String(user.id) ? user : null
  },
}
