import { claimsOn } from './claims.js'

claimsOn('node24', ['node:http', 'express5', 'fastify', 'fetch'])
