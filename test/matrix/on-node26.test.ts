import { claimsOn } from './claims.js'

claimsOn('node26')
