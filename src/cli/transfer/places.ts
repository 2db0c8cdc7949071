// Which kinds of entities stand where in a configuration file; a kind without a place is carried by JSON alone.
import type { Kind } from '../../identity/rights.ts'

export interface Place {
  /** Of the list, or of the mapping by id. */
  readonly path: readonly [string, ...string[]]
  readonly by: 'list' | 'id'
  /** The item says whose it is; of other kinds only those of no tenant can stand there. */
  readonly tenanted: boolean
}

const list = (...path: [string, ...string[]]): Place => ({ path, by: 'list', tenanted: false })

/** In the order in which they are created: roles before who has them, servers before what is made of them. */
export const PLACES: Readonly<Partial<Record<Kind, Place>>> = {
  role: { ...list('identity', 'roles'), by: 'id' },
  principal: { ...list('identity', 'principals'), tenanted: true },
  grant: list('identity', 'grants'),
  server: { ...list('servers'), tenanted: true },
  virtual_server: list('virtual_servers'),
  plugin: list('plugins', 'entries'),
  policy: list('policies'),
}

/** Why one of these is not in the file; the others just have no section. */
export const NOT_THERE: Readonly<Partial<Record<Kind, string>>> = {
  key: 'a key is kept as a digest that is shown to nobody; make a new one with portcullis key create',
}
