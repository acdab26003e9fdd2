import { escapeHtml } from '../core/failure.js'
import type { Scope } from '../core/scope.js'
import type { PlainResponse } from '../core/types.js'
import { csrfInput } from '../csrf/index.js'
import { page } from './answers.js'

/** Asks the user whether a program on their device may log in as them. The form goes to the same address. */
export function confirmation(scope: Scope, program: string, callback: URL): PlainResponse {
  const name = escapeHtml(program)
  const form = `<p>The program <b>${name}</b> on this device wants to be logged in as you.</p><form method="post">${csrfInput(scope.request)}<button>Log in to ${name}</button></form>`
  // Browsers count where the form's answer leads to, and `*` names no scheme of a program's own.
  const there = /^https?:$/.test(callback.protocol) ? callback.origin : callback.protocol
  const policy = `default-src 'none'; form-action 'self' ${there}; frame-ancestors 'none'`
  const headers = { 'Content-Security-Policy': policy }
  return page(200, 'Log in to a program', form, headers)
}
