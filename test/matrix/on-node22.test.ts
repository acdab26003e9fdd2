import { claimsOn } from './claims.js'

claimsOn('node22', ['node:http', 'express5', 'fastify', 'fetch'])
