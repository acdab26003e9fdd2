import type { Database, Row } from '../databases/database.js'
import type { User } from './user.js'

/** A row of `auth_user`. */
export class ModelUser implements User {
  readonly id: number
  readonly username: string
  readonly email: string
  readonly firstName: string
  readonly lastName: string
  readonly isActive: boolean
  readonly isStaff: boolean
  readonly isSuperuser: boolean
  readonly lastLogin: Date | null
  readonly dateJoined: Date | null
  /** Private, so that neither JSON nor a log that prints the user shows it. */
  readonly #password: string

  constructor(row: Row, toMoment: Database['toMoment']) {
    const text = (column: string): string => String(row[column] ?? '')
    const moment = (column: string): Date | null => {
      const ms = toMoment(row[column])
      return ms === null ? null : new Date(ms)
    }
    this.id = Number(row.id)
    this.username = text('username')
    this.email = text('email')
    this.firstName = text('first_name')
    this.lastName = text('last_name')
    this.isActive = Boolean(row.is_active)
    this.isStaff = Boolean(row.is_staff)
    this.isSuperuser = Boolean(row.is_superuser)
    this.lastLogin = moment('last_login')
    this.dateJoined = moment('date_joined')
    this.#password = text('password')
  }

  get password(): string {
    return this.#password
  }
}
