import type { Request } from 'express'
import type { PlainResponse, Session } from 'sojourn'
import { csrfReasonCode, safeNext } from 'sojourn/express'
import { pageValues } from './page.js'
import { defaultPreferences, type Preferences, readPreferences } from './preferences.js'

/**
 * The setting `csrfFailureView`: a page of this site for a form that was refused. It comes before everything that the app does, and stands
 * without a session, which may be what cannot be reached. The reason is shown since this is a demonstration; for a real site the code is enough.
 */
export async function formRefused(request: Request, reason: string): Promise<PlainResponse> {
  const values = {
    ...pageValues(await preferencesIfAny(request.session)),
    withoutSession: true,
    reason,
    code: csrfReasonCode(reason),
    back: safeNext(request, request.get('Referer'), '/'),
  }
  const body = await new Promise<string>((resolve, reject) => {
    request.app.render('refused.njk', values, (error: Error | null, page: string) =>
      error ? reject(error) : resolve(page),
    )
  })
  return {
    status: 403,
    headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' },
    body,
  }
}

async function preferencesIfAny(session: Session): Promise<Preferences> {
  try {
    await session.load()
    return readPreferences(session)
  } catch {
    return defaultPreferences
  }
}
