import { claimsOn } from './claims.js'

claimsOn('workerd')
