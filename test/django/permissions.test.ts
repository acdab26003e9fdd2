import { getAllPermissions, hasPerm } from 'sojourn/express'
import { afterAll, describe, expect, test } from 'vitest'
import { missingServer, startMariadb, startPostgres, type TestServer } from '../support/servers/index.js'
import { missingDriver } from './drivers.js'
import { freshDatabase } from './fresh-database.js'
import { findDjango } from './home.js'
import { startPair } from './pair.js'

/** Users who may do something by themselves, by a group, by two, everything, or nothing; and what Django says of each. */
const USERS = `
import json
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
users = get_user_model().objects
every = {f'{p.content_type.app_label}.{p.codename}': p for p in Permission.objects.select_related('content_type')}
first, second = Group.objects.create(name='first'), Group.objects.create(name='second')
first.permissions.set([every['auth.view_user'], every['auth.change_user']])
second.permissions.set([every['auth.change_user'], every['sessions.delete_session']])
own, grouped, both, nobody = (users.create_user(n, password='x') for n in ('own', 'grouped', 'both', 'nobody'))
boss = users.create_superuser('boss', password='x')
own.user_permissions.set([every['auth.add_group']])
grouped.groups.set([first, second])
both.groups.set([second])
both.user_permissions.set([every['auth.change_user'], every['contenttypes.view_contenttype']])
names = sorted(every)
said = {}
for user in users.all():
    user = users.get(pk=user.pk)
    said[user.username] = {'all': sorted(user.get_all_permissions()), 'each': [user.has_perm(n) for n in names]}
print(json.dumps({'names': names, 'said': said}))
`

interface Said {
  readonly names: readonly string[]
  readonly said: Readonly<Record<string, { readonly all: readonly string[]; readonly each: readonly boolean[] }>>
}

const servers = {
  SQLite: null,
  PostgreSQL: { server: 'postgres', driver: 'python3-psycopg2', start: startPostgres },
  MariaDB: { server: 'mariadb', driver: 'python3-mysqldb', start: startMariadb },
} as const

const started: TestServer[] = []
afterAll(async () => {
  for (const server of started) await server[Symbol.asyncDispose]()
})

describe.each([
  [undefined, 'SQLite'],
  ['bookworm', 'SQLite'],
  ['bookworm', 'PostgreSQL'],
  ['bookworm', 'MariaDB'],
] as const)('permissions of a Django of %s on %s', async (suite, database) => {
  const kind = servers[database]
  const home = await findDjango(suite)
  const missing =
    ('missing' in home ? home.missing : undefined) ??
    (kind === null ? undefined : ((await missingServer(kind.server)) ?? (await missingDriver(suite, [kind.driver]))))

  test.skipIf(missing !== undefined)(
    `are the same here, for everybody and each of them (${missing ?? 'all'})`,
    async () => {
      const server = await kind?.start()
      if (server !== undefined) started.push(server)
      const url = server === undefined ? undefined : await freshDatabase(server.url)
      await using pair = await startPair({ suite, ...(url === undefined ? {} : { database: url }) })
      const { names, said } = JSON.parse(await pair.django.python(USERS)) as Said
      expect(names.length).toBeGreaterThan(15)
      for (const [username, { all, each }] of Object.entries(said)) {
        const visitor = pair.visitor()
        await visitor.django('login', { username, password: 'x' })
        const ours = await visitor.node(async (request) => ({
          all: [...(await getAllPermissions(request))].sort(),
          each: await Promise.all(names.map((name) => hasPerm(request, name))),
        }))
        expect([username, ours.each]).toEqual([username, each])
        // Django lists all that there are for a superuser, who may do what there is not yet too.
        if (username !== 'boss') expect([username, ours.all]).toEqual([username, all])
      }
    },
    120_000,
  )
})
