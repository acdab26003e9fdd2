/** Where a session keeps who it is. Django's names, and no other way to set them than `login`. */
export const SESSION_ID = '_auth_user_id'
export const SESSION_BACKEND = '_auth_user_backend'
export const SESSION_HASH = '_auth_user_hash'
