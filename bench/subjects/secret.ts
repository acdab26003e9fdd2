/** What all sign with, and how long all sessions last, in milliseconds. */
export const SECRET = 'a secret of the bench, which is longer than fifty characters'
export const TWO_WEEKS = 14 * 86_400_000
