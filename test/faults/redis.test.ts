import { claimsOf } from './claims.js'

await claimsOf('redis')
