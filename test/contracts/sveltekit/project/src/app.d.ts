import 'sojourn/sveltekit'

declare module 'sojourn' {
  interface SessionData {
    n: number
  }
}
