import type { IncomingMessage } from 'node:http'
import type { MaybePromise } from '../../core/types.js'
import { BodyNotParsed } from '../../errors.js'
import { isForm, parseForm, type SubmittedForm, tooLong, urlencoded } from '../submitted-form.js'

/**
 * The form of a Node request of at most `limit` bytes. Its bytes are put back before the stream has told its end, so that whoever reads
 * the request next (a body parser, a proxy) finds all of them; so it is too of a form that is too long.
 */
export function peekForm(request: IncomingMessage, limit: number | null): MaybePromise<SubmittedForm | undefined> {
  const type = request.headers['content-type'] ?? ''
  if (!isForm(type)) return undefined
  const length = Number(request.headers['content-length'])
  // Of nothing, nothing can be put back, and a reader would wait for ever.
  if (length === 0) return urlencoded('')
  if (hasBeenRead(request)) {
    throw new BodyNotParsed(
      'The body was read, and no form was left where sojourn looks for its token: let sojourn come before whoever reads it, or send the token in the X-CSRFToken header.',
    )
  }
  // Then pieces are texts, which cannot be put back as the bytes that they were.
  if (request.readableEncoding) {
    throw new BodyNotParsed(
      'Somebody has called request.setEncoding(), so that the form cannot be read: let sojourn and body parsers come before that.',
    )
  }
  if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new BodyNotParsed('The form is compressed: let a body parser go before sojourn.')
  }
  if (limit !== null && length > limit) throw tooLong(limit)
  if (request.destroyed) throw cutOff()
  return peek(request, length, limit).then((bytes) => parseForm(bytes, type))
}

/** Whether somebody has read of the body, or has come to its end; for one that is empty only that tells. */
export function hasBeenRead(request: IncomingMessage): boolean {
  return request.readableDidRead || request.readableEnded
}

/** Reads a body whole and puts it back. `length` is not a number where the request does not tell. */
function peek(request: IncomingMessage, length: number, limit: number | null): Promise<Uint8Array<ArrayBuffer>> {
  // HTTP/2 says nothing of a body's end but by the end of the stream below, which is passed on to the request right after us.
  const { stream } = request as { readonly stream?: NodeJS.EventEmitter }
  return new Promise((resolve, reject) => {
    const chunks: Buffer<ArrayBuffer>[] = []
    let bytes = 0
    const settle = (): void => {
      request.off('readable', read).off('end', ended).off('error', fail).off('close', fail)
      stream?.off('end', endedBelow)
    }
    const fail = (cause?: unknown): void => {
      settle()
      reject(cutOff(cause))
    }
    const ended = (): void => {
      settle()
      resolve(Buffer.concat(chunks))
    }
    const take = (): void => {
      for (let chunk = request.read(); chunk !== null; chunk = request.read()) {
        chunks.push(chunk)
        bytes += chunk.length
      }
    }
    const read = (): void => {
      take()
      const isTooLong = limit !== null && bytes > limit
      if (bytes > 0 && (isTooLong || request.complete || bytes === length)) putBack()
    }
    const endedBelow = (): void => {
      take()
      if (bytes > 0) putBack()
    }
    const putBack = (): void => {
      const body = Buffer.concat(chunks)
      // In this very turn: in the next one the stream tells its end, after which nothing can be put back.
      request.unshift(body)
      settle()
      if (limit !== null && bytes > limit) reject(tooLong(limit))
      else resolve(body)
    }
    request.on('readable', read).on('end', ended).on('error', fail).on('close', fail)
    stream?.prependListener('end', endedBelow)
  })
}

/** Of a visitor who leaves in between Node says that the connection was reset. It is no failure of the site, so it is told like any bad form. */
function cutOff(cause?: unknown): BodyNotParsed {
  return new BodyNotParsed('The form was cut off.', { cause })
}
