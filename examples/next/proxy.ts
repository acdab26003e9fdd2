import { proxy } from './lib/sessions'

/** Visitors of these pages get the cookie that the token of a form needs: a server component cannot set it. */
export default proxy()

export const config = { matcher: ['/', '/login', '/cart'] }
