import { oracleClaims } from './claims.js'

await oracleClaims(['postgres', 'postgres-js', 'mariadb', 'cached_db'])
