/** For tests of sites, engines and adapters. Nothing here depends on a test runner. */
export { adapterContract, type ClaimOptions, type ContractOptions } from './adapter-contract.js'
export { type Answer, type App, appOf, type Place, type Reply, type Routes, type Visit } from './app.js'
export { Client, type ClientOptions, type ClientResponse, type FormFields, type RequestOptions } from './client.js'
export { type TestClock, testClock } from './clock.js'
export { type ContractHost, contractHost, fetchHandler, type HostOptions, listener } from './contract-host.js'
export { CookieJar } from './cookie-jar.js'
export type { Counts } from './counts.js'
export { engineContract } from './engine-contract.js'
export type { EnginePromise, EngineUnderTest } from './engine-trial.js'
export { nodeContract } from './node-contract.js'
export { remoteContract, remoteNodeContract } from './remote-contract.js'
export { type Served, serve, serveFetch } from './serve.js'
export {
  type FastifyApp,
  type FetchApp,
  type FetchFunction,
  type KoaApp,
  type NestApp,
  type NodeApp,
  type ServerApp,
  type TestApp,
  testClient,
} from './test-client.js'
export type { ContractCase, Protocol } from './trial.js'
export type { Address, Running, Start } from './venue.js'
export { type EngineOperation, type WatchedEngine, type Watching, watched } from './watched-engine.js'
