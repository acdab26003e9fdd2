// Compiled, never run: each line below an `@ts-expect-error` must not compile, and every other line must.
import { Module, UseGuards } from '@nestjs/common'
import { loginRequired, nestGuard, permissionRequired, Site, sojourn } from 'sojourn/nest'

const sessions = sojourn({ secretKey: 'a long random text' })
Module({ imports: [sessions, sojourn(sessions.site)] })
UseGuards(nestGuard(loginRequired), nestGuard(permissionRequired('shop.change_order')))

class Users {
  readonly #site: Site

  constructor(site: Site) {
    this.#site = site
  }

  logOut(id: string): unknown {
    return this.#site.sessions.revokeUser(id)
  }
}
void new Users(sessions.site)

// @ts-expect-error not a guard of Nest as it is
UseGuards(loginRequired.name, loginRequired({}))
// @ts-expect-error an unknown setting
sojourn({ sekretKey: 'a long random text' })
// @ts-expect-error a site is made of settings
void new Site()
