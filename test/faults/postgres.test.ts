import { claimsOf } from './claims.js'

await claimsOf('postgres')
