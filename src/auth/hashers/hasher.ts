/** What makes a hash dear to guess: numbers of its algorithm, such as `{ iterations: 1_500_000 }`. More of any is more work. */
export type Cost = Readonly<Record<string, number>>

/** What a stored hash says of itself. */
export interface Decoded {
  readonly salt: string
  readonly cost: Cost
}

/** One of Django's algorithms. Mirrors `BasePasswordHasher`. */
export interface Hasher {
  /** The work of a new hash, as the newest Django does it. */
  readonly cost: Cost
  /** The whole text that is stored. */
  encode(password: string, salt: string, cost: Cost): Promise<string>
  /** `null` for what is no hash of this algorithm. */
  decode(encoded: string): Decoded | null
  /** Whether a hash that `decode` knows is this password's, compared in constant time. */
  verify(password: string, encoded: string): Promise<boolean>
  /** A salt, where this algorithm has its own; else 22 letters and digits. */
  salt?(cost: Cost): Promise<string>
}
