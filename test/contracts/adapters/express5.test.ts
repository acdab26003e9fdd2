import express from 'express'
import { sojourn } from 'sojourn/express'
import { adapterContract, nodeContract, type Start, serve } from 'sojourn/testing'
import { test } from 'vitest'

const start: Start = (site, app) => serve(express().use(sojourn(site)).use(app.node))

for (const { name, run } of [...adapterContract(start), ...nodeContract(start)]) test(name, run, 120_000)
