/** By the name of a peer, code that cannot do without it: the first thing that a user does who forgot to install it. */
export const needingPeers: Readonly<Record<string, string>> = {
  pg: `
    const { postgres } = await import('sojourn/databases/postgres')
    await postgres('postgres://127.0.0.1/site').prepare('SELECT 1').get()`,
  mysql2: `
    const { mysql } = await import('sojourn/databases/mysql')
    await mysql('mysql://127.0.0.1/site').prepare('SELECT 1').get()`,
  redis: `
    const { redis } = await import('sojourn/caches/redis')
    await redis('redis://127.0.0.1').get('key')`,
  argon2: `
    const { makePassword } = await import('sojourn/auth')
    await makePassword('secret', { hashers: ['argon2'] })`,
  bcrypt: `
    const { makePassword } = await import('sojourn/auth')
    await makePassword('secret', { hashers: ['bcrypt_sha256'] })`,
}
