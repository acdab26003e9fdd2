import type { User, UserBackend } from '../auth/user.js'

const names = ['alice', 'bob']

/** The users of the contract, by the names they log in with. Their passwords are nobody's concern here. */
export function userNamed(name: string): User | null {
  const id = names.indexOf(name) + 1
  return id === 0 ? null : { id, username: name, password: `the hash of ${name}`, isActive: true }
}

export const contractUsers: UserBackend = {
  path: 'contract.Users',
  authenticate: ({ username }) => userNamed(String(username)),
  getUser: (id) => userNamed(names[Number(id) - 1] ?? ''),
}
