import { claimsOn } from './claims.js'

claimsOn('deno')
