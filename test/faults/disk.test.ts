import { claimsOf } from './claims.js'

await claimsOf('file')
await claimsOf('sqlite')
