/** The hashes that Django's signers are used with. SHA-256 is the default everywhere. */
export type Algorithm = 'sha1' | 'sha256' | 'sha512'
