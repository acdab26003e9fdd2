/** Private servers for tests. Each is ended at the end of its `await using` block, or with the process. */
export { startMariadb } from './mariadb.js'
export { startMemcached } from './memcached.js'
export { startPostgres } from './postgres.js'
export { startRedis } from './redis.js'
export { startRedisCluster, type TestRedisCluster } from './redis-cluster.js'
export { startRedisSentinel, type TestRedisSentinel } from './redis-sentinel.js'
export { missingServer, type ServerOptions, type TestServer } from './server.js'
