import { claimsOn } from './claims.js'

claimsOn('node20')
