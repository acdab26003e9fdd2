import { claimsOn } from './claims.js'

claimsOn('bun')
