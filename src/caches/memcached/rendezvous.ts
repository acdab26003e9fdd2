/**
 * Which of several servers has a key: the one with the highest score. The same choice as that of pymemcache's `HashClient`,
 * which is Django's `PyMemcacheCache`; pylibmc (libmemcached) makes another.
 */
export function rendezvous<T extends { readonly node: string }>(servers: readonly T[], key: string): T {
  let [winner] = servers
  if (servers.length === 1) return winner as T
  let highest = -1
  for (const server of servers) {
    const score = murmur3(`${server.node}-${key}`)
    if (score < highest || (score === highest && server.node < (winner as T).node)) continue
    winner = server
    highest = score
  }
  return winner as T
}

/** MurmurHash3 for x86, 32 bits, with the seed 0, of a text's low bytes. */
function murmur3(text: string): number {
  const { length } = text
  const whole = length & ~3
  let hash = 0
  for (let at = 0; at < whole; at += 4) {
    hash = Math.imul(rotate(hash ^ scramble(little(text, at, 4)), 13), 5) + 0xe6546b64
  }
  if (whole < length) hash ^= scramble(little(text, whole, length - whole))
  hash ^= length
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Up to four characters as a number, the first one lowest. */
function little(text: string, at: number, count: number): number {
  let block = 0
  for (let i = count - 1; i >= 0; i--) block = (block << 8) | (text.charCodeAt(at + i) & 0xff)
  return block
}

function scramble(block: number): number {
  return Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593)
}

function rotate(bits: number, by: number): number {
  return (bits << by) | (bits >>> (32 - by))
}
