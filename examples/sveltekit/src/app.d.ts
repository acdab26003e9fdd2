import 'sojourn/sveltekit'

declare module 'sojourn' {
  interface SessionData {
    cart: string[]
  }
}
