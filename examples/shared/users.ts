import { checkPassword, makePassword, type User, type UserBackend } from 'sojourn/auth'

/** Known to everybody who reads this. A real site keeps its users in a database; Django's table is the default (`sojourn/auth`). */
export const demoUser = { username: 'ada', password: 'demo-ada-1815' } as const

/** So little work that every runtime does it at once, which is right for a password that is no secret, and for no other. */
const rules = { iterations: 10_000 }

let made: Promise<User> | undefined

function ada(): Promise<User> {
  made ??= makePassword(demoUser.password, rules).then((password) => ({
    id: 1,
    username: demoUser.username,
    password,
    isActive: true,
  }))
  return made
}

/** The one user of the examples, in memory. */
export const demoUsers: UserBackend = {
  path: 'examples.DemoUsers',
  async authenticate({ username, password }) {
    const user = await ada()
    const isRight = typeof password === 'string' && (await checkPassword(password, user.password, rules))
    return isRight && username === user.username ? user : null
  },
  async getUser(id) {
    const user = await ada()
    return id === String(user.id) ? user : null
  },
}
