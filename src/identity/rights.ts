// The one table of rights: what may be asked for on either plane, and which built-in roles have it; nothing is decided here.

export const BUILT_IN_ROLES = ['everyone', 'viewer', 'operator', 'policy-author', 'admin'] as const

export type BuiltInRole = (typeof BUILT_IN_ROLES)[number]

/** Kinds of entities, as the registry, the API's paths and the rights name them. */
export const KINDS = [
  'server',
  'virtual_server',
  'tool',
  'prompt',
  'resource',
  'policy',
  'plugin',
  'principal',
  'role',
  'grant',
  'key',
  'client',
  'peer',
  'webhook',
  'change',
] as const

export type Kind = (typeof KINDS)[number]

export interface RightSpec {
  readonly plane: 'mcp' | 'api'
  readonly about: string
  /** Built-in roles that have it; `admin` has all of its plane. */
  readonly roles: readonly BuiltInRole[]
  /** Whether a principal of a tenant has it also on what belongs to no tenant, which all share. */
  readonly shared: boolean
}

const mcp = (about: string): RightSpec => ({
  plane: 'mcp',
  about,
  roles: ['everyone'],
  shared: true,
})
const api = (about: string, ...roles: BuiltInRole[]): RightSpec => ({
  plane: 'api',
  about,
  roles: [...roles, 'admin'],
  shared: false,
})

const ALL: readonly BuiltInRole[] = ['viewer', 'operator', 'policy-author']

/** Who may see and change entities of each kind, beside `admin`. */
const OF_KINDS: Readonly<
  Record<Kind, { read: readonly BuiltInRole[]; write: readonly BuiltInRole[] }>
> = {
  server: { read: ALL, write: ['operator'] },
  virtual_server: { read: ALL, write: ['operator'] },
  tool: { read: ALL, write: ['operator', 'policy-author'] },
  prompt: { read: ALL, write: ['operator', 'policy-author'] },
  resource: { read: ALL, write: ['operator', 'policy-author'] },
  policy: { read: ALL, write: ['policy-author'] },
  plugin: { read: ALL, write: ['policy-author'] },
  principal: { read: ['operator'], write: [] },
  role: { read: ALL, write: [] },
  grant: { read: ['operator'], write: [] },
  key: { read: ['operator'], write: [] },
  client: { read: ['operator'], write: [] },
  peer: { read: ALL, write: ['operator'] },
  webhook: { read: ['operator'], write: ['operator'] },
  change: { read: ALL, write: [] },
}

/** Kinds whose entities of no tenant the principals of every tenant may see, given the right: what they work with. */
const SHARED_KINDS: readonly Kind[] = [
  'server',
  'virtual_server',
  'tool',
  'prompt',
  'resource',
  'policy',
  'plugin',
  'role',
]

const ofKinds = Object.fromEntries(
  KINDS.flatMap((kind) => [
    [
      `api:${kind}.read`,
      {
        ...api(`see entities of kind ${kind}`, ...OF_KINDS[kind].read),
        shared: SHARED_KINDS.includes(kind),
      },
    ],
    [
      `api:${kind}.write`,
      api(`create, change and remove entities of kind ${kind}`, ...OF_KINDS[kind].write),
    ],
  ]),
) as Record<`api:${Kind}.${'read' | 'write'}`, RightSpec>

export const RIGHTS = {
  'mcp:tool.list': mcp('see a tool in a list'),
  'mcp:tool.call': mcp('call a tool, and follow the task that the call became'),
  'mcp:prompt.list': mcp('see a prompt in a list'),
  'mcp:prompt.get': mcp('get a prompt, and complete its arguments'),
  'mcp:resource.list': mcp('see a resource or template in a list'),
  'mcp:resource.read': mcp('read a resource, and complete the variables of its template'),
  'mcp:resource.subscribe': mcp('be told when a resource changes'),
  ...ofKinds,
  'api:server.run': api(
    'write a server that is a program, which runs as the user of the gateway; asked of the gateway as a whole',
  ),
  'api:plugin.grant': api(
    'write an entry of a plugin that has grants: network, environment, a say in decisions; asked of the gateway as a whole',
  ),
  'api:server.attest': api(
    'have a server attested now, accept that it is on other hardware, and say by which policy it is attested; the latter asked of the gateway as a whole',
    'operator',
  ),
  'api:change.approve': api(
    'approve or refuse what waits for a second person',
    'operator',
    'policy-author',
  ),
  'api:config.read': api('see the configuration in force, secrets masked', ...ALL),
  'api:config.reload': api('have the configuration read again', 'operator'),
  'api:explain.run': api('ask what policies would do', ...ALL),
  'api:audit.read': api('search and export the audit', 'operator', 'policy-author'),
  'api:secret.reseal': api('seal the secrets of the store with the first key of the ring'),
  'api:status.read': api('see what runs', ...ALL),
} as const satisfies Readonly<Record<string, RightSpec>>

export type Right = keyof typeof RIGHTS

export function isBuiltIn(role: string): role is BuiltInRole {
  return BUILT_IN_ROLES.some((name) => name === role)
}

/** What is known of a right; undefined: there is none of this name. */
export function rightSpec(action: string): RightSpec | undefined {
  return Object.hasOwn(RIGHTS, action) ? RIGHTS[action as Right] : undefined
}

/** The rights that a text names; a `*` stands for any run of characters. Linear: scopes of keys come from callers. */
export function rightsMatching(pattern: string): readonly Right[] {
  const all = Object.keys(RIGHTS) as Right[]
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return all.filter((right) => right === pattern)
  return all.filter((right) => {
    if (right.length < first.length + last.length) return false
    if (!right.startsWith(first) || !right.endsWith(last)) return false
    let from = first.length
    for (const part of rest) {
      const at = right.indexOf(part, from)
      if (at < 0) return false
      from = at + part.length
    }
    return from <= right.length - last.length
  })
}
