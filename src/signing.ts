/** Django's `django.core.signing`: values that were signed here, and nowhere else. */
export { BadSignature, SignatureExpired } from './errors.js'
export { signCookieValue, unsignCookieValue } from './wire/signed-cookie.js'
export { dumps, loads, Signer, type SignerOptions, TimestampSigner } from './wire/signing.js'
