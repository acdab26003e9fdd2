import { isPromise } from '../core/maybe.js'
import type { MaybePromise } from '../core/types.js'
import { Importer } from './importer.js'
import type { ImportOptions, SessionImport } from './options.js'

/**
 * Moves sessions of another library into sojourn's, each once, when its visitor comes: parallel requests, in any number of processes, go on
 * with the one new session. `importExpressSession` is this for stores of express-session. Needs an engine that stores.
 *
 * @example
 * ```ts
 * import { unsealData } from 'iron-session'
 * import express from 'express'
 * import { sojourn } from 'sojourn/express'
 * import { importSession } from 'sojourn/import'
 *
 * const app = express()
 * app.use(sojourn({ secretKey: 'a long random text' }))
 * app.use(
 *   importSession({
 *     name: 'shop',
 *     // One text for each session: iron-session reads what follows the ~ as loosely as a number.
 *     idOf: (text) => (/^Fe26\.2\*[^~]+~2$/.test(text) ? text : null),
 *     // What cannot be opened is nobody's; an error would be a 503.
 *     get: (seal) => unsealData<{ cart?: string[] }>(seal, { password: 'at least 32 characters, as before' }).catch(() => null),
 *   }),
 * )
 * ```
 */
export function importSession<Old extends object>(options: ImportOptions<Old>): SessionImport {
  const importer = new Importer(options)
  function either(request: object): MaybePromise<boolean>
  function either(request: object, response: object, next: (error?: unknown) => void): void
  function either(
    request: object,
    _response?: object,
    next?: (error?: unknown) => void,
  ): MaybePromise<boolean> | undefined {
    if (next === undefined) return importer.run(request)
    proceed(importer, request, next)
    return undefined
  }
  return either
}

function proceed<Old extends object>(importer: Importer<Old>, request: object, next: (error?: unknown) => void): void {
  let moved: MaybePromise<boolean>
  try {
    moved = importer.run(request)
  } catch (error) {
    next(error)
    return
  }
  if (isPromise(moved)) moved.then(() => next(), next)
  else next()
}
