import { expect, test } from 'vitest'
import { statementsIn } from '../../bench/servers/postgres.js'
import { commandsIn } from '../../bench/servers/redis.js'

test('of what MONITOR shows, the commands of clients count, and not what a script did', () => {
  const lines = [
    '+1764000000.100000 [0 127.0.0.1:40000] "get" ":1:key"',
    '+1764000000.200000 [0 127.0.0.1:40000] "EVALSHA" "73e9" "1" ":1:key" "old \\"get\\" text" "new"',
    '+1764000000.200001 [0 lua] "get" ":1:key"',
    '+1764000000.200002 [0 lua] "set" ":1:key" "new"',
    '+1764000000.300000 [0 127.0.0.1:40000] "get" ":1:key"',
    '+1764000000.400000 [0 127.0.0.1:40002] "CLIENT" "SETINFO" "LIB-NAME" "x"',
    '+1764000000.500000 [0 127.0.0.1:40004] "echo" "mark"',
  ]
  expect(commandsIn(`${lines.join('\r\n')}\r\n`)).toEqual({ get: 2, evalsha: 1 })
})

test('of the log of PostgreSQL, statements count, prepared or not, and not their values', () => {
  const lines = [
    '2025-03-01 12:00:00.000 UTC [7] LOG:  execute sojourn_1a2b: SELECT session_data FROM django_session',
    "2025-03-01 12:00:00.000 UTC [7] DETAIL:  parameters: $1 = 'LOG:  statement: DELETE'",
    '2025-03-01 12:00:00.001 UTC [7] LOG:  execute <unnamed>: UPDATE "session" SET expire = to_timestamp($1)',
    '2025-03-01 12:00:00.002 UTC [8] LOG:  statement: BEGIN',
    '2025-03-01 12:00:00.003 UTC [9] LOG:  checkpoint starting: time',
    '2025-03-01 12:00:00.004 UTC [8] LOG:  execute sojourn_1a2b: SELECT session_data FROM django_session',
  ]
  expect(statementsIn(`${lines.join('\n')}\n`)).toEqual({ SELECT: 2, UPDATE: 1, BEGIN: 1 })
})
