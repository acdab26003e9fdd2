import { claimsOf } from './claims.js'

await claimsOf('cached_db-cache')
