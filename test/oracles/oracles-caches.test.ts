import { oracleClaims } from './claims.js'

await oracleClaims(['redis', 'ioredis', 'redis-cluster', 'memcached'])
