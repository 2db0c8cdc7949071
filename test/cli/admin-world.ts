// A gateway for commands: the admin API over HTTP, the real registry over a store in memory, tokens of known people.
import type { ApiHandle } from '../../src/admin/handle.ts'
import { entityKinds } from '../../src/app/admin/kinds.ts'
import { AppError } from '../../src/base/errors.ts'
import type { Json, JsonObject } from '../../src/base/json.ts'
import { ANONYMOUS, type Principal } from '../../src/engine/context.ts'
import type { Authenticator } from '../../src/identity/access.ts'
import { mintKey } from '../../src/identity/api-key.ts'
import { type Kind, RIGHTS } from '../../src/identity/rights.ts'
import { deny } from '../../src/plugin.ts'
import type { Entity } from '../../src/registry/registry.ts'
import { createMemoryWorld, decideByTable } from '../admin/memory-world.ts'
import { type Served, serveApi, WHO, type Who } from '../admin/world.ts'
import { type Bench, bench, ruledBy } from '../registry/bench.ts'
import { cli, type FakeShellOptions, temporaryFolder } from './shell.ts'

/** Long enough to be looked for in whatever is printed. */
export const tokenOf = (who: Who): string => `pcl_${who}_0123456789abcdefghij`

const authenticator: Authenticator = {
  authenticate({ authorization }) {
    const found = Object.entries(WHO).find(
      ([who]) => authorization === `Bearer ${tokenOf(who as Who)}`,
    )
    if (!found) throw new AppError('AUTH_INVALID', 'there is no such key', { data: {} })
    const [id, { roles, tenant }] = found
    return { ...ANONYMOUS, id, kind: 'user', roles, tenant } as Principal
  },
}

/** A server called `shady` is vetoed. */
const hooks = {
  server_pre_register: ({ entity }: Record<string, unknown>) =>
    (entity as JsonObject).name === 'shady'
      ? deny({ code: 'NOT_WANTED', reason: 'shady servers are not wanted' })
      : undefined,
}

const DECLARED: readonly Entity[] = [
  declared('server', 'wiki', { name: 'wiki', url: 'https://wiki.example.com/mcp', tags: ['prod'] }),
  declared('grant', 'declared-1', { roles: ['operator'], principals: ['root'] }),
]

function declared(kind: string, id: string, body: JsonObject): Entity {
  const none = { tenant: undefined, createdAt: undefined, updatedAt: undefined }
  return { kind, id, version: 0, source: 'declared', body, ...none }
}

export interface AdminWorld extends AsyncDisposable {
  readonly url: string
  readonly served: Served
  readonly bench: Bench
  /** One command as this one, at a pipe unless `tty`; nothing it writes may have a token in it. */
  run(argv: readonly string[], options?: RunOptions): ReturnType<typeof cli>
  /** The body of a dynamic entity, secrets open. */
  stored(kind: string, id: string): Promise<JsonObject | undefined>
}

export interface RunOptions extends FakeShellOptions {
  /** An overseer unless said otherwise. */
  readonly as?: Who
  readonly files?: Readonly<Record<string, string>>
}

export interface WorldOptions {
  readonly api?: Partial<ApiHandle>
  readonly path?: string
  /** Kinds whose changes wait for a second person. */
  readonly approval?: readonly Kind[]
}

export async function createAdminWorld(options: WorldOptions = {}): Promise<AdminWorld> {
  let ids = 0
  const made = bench({
    hooks,
    declared: DECLARED,
    ...(options.approval ? { approval: options.approval } : {}),
    deps: {
      createId: () => `made-${++ids}`,
      issue: (kind, id) => {
        if (kind !== 'key') return undefined
        const { key, hash } = mintKey(id, (bytes) => Buffer.alloc(bytes, 7))
        return { managed: { hash }, once: { key } }
      },
      status: (kind, id) => (kind === 'server' ? statusOf(id) : undefined),
      ...ruledBy(decideByTable),
    },
  })
  const { api } = createMemoryWorld({
    registry: made.registry,
    kinds: entityKinds(),
    authenticator,
    rights: RIGHTS,
    ...options.api,
  })
  const path = options.path ?? '/'
  const served = await serveApi(api, path)
  const url = `http://127.0.0.1:${served.port}${path === '/' ? '' : path}`
  return {
    url,
    served,
    bench: made,
    async run(argv, { as = 'overseer', env = {}, files, ...more } = {}) {
      const cwd = more.cwd ?? temporaryFolder(files)
      const known = { PORTCULLIS_ADMIN: url, PORTCULLIS_TOKEN: tokenOf(as), NO_COLOR: '1' }
      const ran = await cli(argv, { ...more, cwd, env: { ...known, ...env } })
      for (const who of Object.keys(WHO) as Who[])
        if ((ran.out + ran.err).includes(tokenOf(who))) throw new Error('a token was printed')
      return ran
    },
    async stored(kind, id) {
      const found = await made.store.get(kind, id)
      return found?.body
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  }
}

function statusOf(id: string): { readonly [member: string]: Json } {
  const restarts = { in_force: true, restarts: 0 }
  const reason = 'the revocation list is too old'
  if (id === 'wiki') return { ...restarts, state: 'ready', admission: 'grace', reason, tools: 12 }
  return { ...restarts, state: 'starting', admission: 'admitted' }
}
