import { claimsOn } from './claims.js'

claimsOn('node26', ['node:http', 'express5', 'fastify', 'fetch'])
