/** Sessions behind WebSockets: who may open one, whose it is, and when it has to end. */
export { admit, type Socket } from './admit.js'
export { checkUpgrade, type UpgradeOptions } from './check.js'
export type { Connection, ResponseConnection, SignalConnection, SocketConnection } from './connection.js'
export { type RawSocket, refuseUpgrade } from './raw-socket.js'
export { createTicket, redeemTicket, type TicketOptions } from './tickets.js'
export { type WatchOptions, watch } from './watch.js'
