import { oracleClaims } from './claims.js'

await oracleClaims(['memory', 'locmem', 'file', 'sqlite'])
