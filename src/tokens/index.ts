/** Sessions of programs that keep no cookies: named by a token in a header. */
export { issueSessionToken, type SessionToken, type SessionTokenOptions } from './issue.js'
