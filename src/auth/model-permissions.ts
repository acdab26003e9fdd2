import { chain } from '../core/maybe.js'
import type { MaybePromise } from '../core/types.js'
import type { Database, Statement } from '../databases/database.js'

/**
 * Django's permission tables: those of a user and of the user's groups by one statement. Names of tables and columns follow the user model:
 * `shop.Customer` has `shop_customer_groups` with a `customer_id`.
 */
export class ModelPermissions {
  readonly #prepare: () => Statement
  #statement: Statement | undefined

  constructor(database: Database, table: string, model: string) {
    const column = `${model.slice(model.indexOf('.') + 1).toLowerCase()}_id`
    const names = 'SELECT ct.app_label AS app_label, p.codename AS codename FROM auth_permission p'
    const type = 'JOIN django_content_type ct ON ct.id = p.content_type_id'
    this.#prepare = () =>
      database.prepare(
        `${names} ${type} JOIN ${table}_user_permissions own ON own.permission_id = p.id WHERE own.${column} = ?1 UNION ` +
          `${names} ${type} JOIN auth_group_permissions gp ON gp.permission_id = p.id ` +
          `JOIN ${table}_groups ug ON ug.group_id = gp.group_id WHERE ug.${column} = ?2`,
      )
  }

  of(id: string | number): MaybePromise<ReadonlySet<string>> {
    this.#statement ??= this.#prepare()
    return chain(
      this.#statement.all(id, id),
      (rows) => new Set(rows.map(({ app_label, codename }) => `${app_label}.${codename}`)),
    )
  }
}
