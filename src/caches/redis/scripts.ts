/** A script that runs in Redis as one step, with the SHA-1 of its text, by which the server knows it once it has seen it. */
export interface Script {
  readonly text: string
  readonly sha1: string
}

/** What the scripts answer, where it is not 1. Numbers, which every client gives back as they are; above 0 if something was written. */
export const MISSING = 0
export const CONFLICT = -1

// The old value itself goes along rather than its SHA-1: to hash it here and in the server, which nobody else may use meanwhile, takes as
// long as to send it.

/** Replaces `KEYS[1]` by `ARGV[2]`, with an end in `ARGV[3]` milliseconds, where it still holds `ARGV[1]`. */
export const REPLACE_SAME: Script = {
  text: `local held = redis.call('get', KEYS[1])
if not held then return 0 end
if held ~= ARGV[1] then return -1 end
redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`,
  sha1: '73e9c9d60fb96808eef57db4d5fe42f5428c8abb',
}

/** Deletes `KEYS[1]` where it still holds `ARGV[1]`. */
export const DELETE_SAME: Script = {
  text: `local held = redis.call('get', KEYS[1])
if not held then return 0 end
if held ~= ARGV[1] then return -1 end
redis.call('del', KEYS[1])
return 1`,
  sha1: '703a7dad6f040a6d381279348b62b33fe6ad1c58',
}
