// The control plane and the events: what is created, changed, removed, loaded, raised (docs/pipeline.md section 2).
import type { ConditionField } from '../engine/point.ts'
import { field, point, SERVER_CONDITIONS } from './declare.ts'
import { described, flag, list, members, object, oneOf, optional, text } from './shape.ts'

const LATER = {
  federation: 'federation',
  plugins: 'plugin installation',
  events: 'events and integrations',
} as const

const control = { class: 'control', denial: 'problem' } as const
const entity = members({ kind: text, id: text, entity: object, previous: optional(object) })
const written = members({
  kind: text,
  id: text,
  entity: optional(object),
  outcome: oneOf('written', 'vetoed', 'failed'),
  reason: optional(text),
})

interface Wiring {
  readonly wired?: true | string
  readonly conditions?: readonly ConditionField[]
}
const before = (what: string, { wired = true, conditions }: Wiring = {}) =>
  point({
    fires: what,
    payload: entity,
    writable: { entity: field(object, 'entity') },
    content: ['entity', 'previous'],
    ...control,
    ...(conditions ? { conditions } : {}),
    wired,
  })
const after = (what: string, { wired = true, conditions }: Wiring = {}) =>
  point({
    fires: what,
    payload: written,
    observe: true,
    class: 'control',
    ...(conditions ? { conditions } : {}),
    wired,
  })
const ofServer = { conditions: SERVER_CONDITIONS }
// what an upstream lists: its server, what it is called there, and the definition, of which all but that may be rewritten
const IDENTITY = ['server', 'name', 'uri', 'uriTemplate'] as const
function keepsIdentity(value: unknown, current: unknown): boolean {
  if (!object.is(value)) return false
  const [now, before] = [value, current] as Record<string, unknown>[]
  if (IDENTITY.some((member) => now?.[member] !== before?.[member])) return false
  const [shown, was] = [now?.definition, before?.definition] as Record<string, unknown>[]
  if (was === undefined) return shown === undefined || object.is(shown)
  const own = IDENTITY.filter((member) => member !== 'server' && before?.[member] !== undefined)
  return object.is(shown) && own.every((member) => shown?.[member] === was[member])
}
const CATALOGUED = {
  kind: oneOf('tool', 'prompt', 'resource'),
  id: described(text, '`SERVER/NAME`; of a resource template `SERVER:template/URI TEMPLATE`'),
}
const definition = described(
  object,
  '`server`, what it is called there (`name`, `uri` or `uriTemplate`), `definition` as the server lists it; all but its identity may be rewritten',
)
const beforeListed = (what: string) =>
  point({
    fires: what,
    payload: members({ ...CATALOGUED, entity: definition, previous: optional(definition) }),
    writable: { entity: field(definition, 'entity', { accepts: keepsIdentity }) },
    content: ['entity', 'previous'],
    conditions: SERVER_CONDITIONS,
    ...control,
  })
// what is forgotten cannot be made another
const beforeForgotten = (what: string) =>
  point({
    fires: what,
    payload: members({ ...CATALOGUED, entity: definition }),
    content: ['entity'],
    conditions: SERVER_CONDITIONS,
    ...control,
  })
const afterListed = (what: string) =>
  point({
    fires: what,
    payload: members({
      ...CATALOGUED,
      entity: optional(definition),
      outcome: oneOf('written', 'vetoed', 'failed'),
      reason: optional(text),
    }),
    observe: true,
    class: 'control',
    conditions: SERVER_CONDITIONS,
  })
const event = (what: string) =>
  point({
    fires: what,
    payload: members({ time: text, subject: text, severity: text, data: object }),
    observe: true,
    wired: LATER.events,
  })

const pluginLoad = {
  entry: text,
  plugin: text,
  version: text,
  source: oneOf('built-in', 'directory', 'code'),
  hooks: list(text),
  permissions: object,
  sideEffects: oneOf('none', 'external'),
}
const reload = { file: text, digest: text, changed: list(text), config: object }

export const CONTROL_POINTS = {
  server_pre_register: before('before a server or virtual server is registered', ofServer),
  server_post_register: after(
    'after a server or virtual server was registered, or was not',
    ofServer,
  ),
  server_pre_update: before('before a server or virtual server is changed', ofServer),
  server_post_update: after('after a server or virtual server was changed, or was not', ofServer),
  server_pre_unregister: before('before a server or virtual server is removed', ofServer),
  server_post_unregister: after(
    'after a server or virtual server was removed, or was not',
    ofServer,
  ),
  server_pre_admit: point({
    fires:
      'before a registered server may serve: at registration, on reconnect with a new key, on interval, on policy change',
    payload: members({ server: text, cause: text, evidence: optional(object) }),
    class: 'admission',
    denial: 'problem',
    wired: true,
  }),
  server_status_changed: point({
    fires: 'on every transition of a server',
    payload: members({ server: text, from: text, to: text, cause: optional(text) }),
    observe: true,
    class: 'control',
    conditions: SERVER_CONDITIONS,
  }),
  tool_pre_register: beforeListed(
    'before a tool that an upstream shows for the first time, or that an operator says something about, may be listed and called',
  ),
  tool_post_register: afterListed('after a tool was registered, or was not'),
  tool_pre_update: beforeListed('before the changed definition of a tool may be listed and called'),
  tool_post_update: afterListed('after the definition of a tool changed, or did not'),
  tool_pre_unregister: beforeForgotten('before a tool that its server lists no more is forgotten'),
  tool_post_unregister: afterListed('after a tool was forgotten'),
  prompt_pre_register: beforeListed(
    'before a prompt that an upstream shows for the first time, or that an operator says something about, may be listed and got',
  ),
  prompt_post_register: afterListed('after a prompt was registered, or was not'),
  prompt_pre_update: beforeListed(
    'before the changed definition of a prompt may be listed and got',
  ),
  prompt_post_update: afterListed('after the definition of a prompt changed, or did not'),
  prompt_pre_unregister: beforeForgotten(
    'before a prompt that its server lists no more is forgotten',
  ),
  prompt_post_unregister: afterListed('after a prompt was forgotten'),
  resource_pre_create: beforeListed(
    'before a resource or template that an upstream shows for the first time, or that an operator says something about, may be listed and read',
  ),
  resource_post_create: afterListed('after a resource or template was catalogued, or was not'),
  resource_pre_update: beforeListed(
    'before the changed definition of a resource or template may be listed and read',
  ),
  resource_post_update: afterListed(
    'after the definition of a resource or template changed, or did not',
  ),
  resource_pre_delete: beforeForgotten(
    'before a resource or template that its server lists no more is forgotten',
  ),
  resource_post_delete: afterListed('after a resource or template was forgotten'),
  auth_pre_create: before(
    'before a role, policy, plugin entry, principal, client, key or grant is created',
  ),
  auth_post_create: after(
    'after a role, policy, plugin entry, principal, client, key or grant was created, or was not',
  ),
  auth_pre_update: before(
    'before a role, policy, plugin entry, principal, client, key or grant is changed',
  ),
  auth_post_update: after(
    'after a role, policy, plugin entry, principal, client, key or grant was changed, or was not',
  ),
  auth_pre_delete: before(
    'before a role, policy, plugin entry, principal, client, key or grant is removed',
  ),
  auth_post_delete: after(
    'after a role, policy, plugin entry, principal, client, key or grant was removed, or was not',
  ),
  federation_pre_sync: before('before a peer gateway is synchronised', { wired: LATER.federation }),
  federation_post_sync: after('after a peer gateway was synchronised, or was not', {
    wired: LATER.federation,
  }),
  federation_pre_create: before('before a peer or webhook is created'),
  federation_post_create: after('after a peer or webhook was created, or was not'),
  federation_pre_update: before('before a peer or webhook is changed'),
  federation_post_update: after('after a peer or webhook was changed, or was not'),
  federation_pre_delete: before('before a peer or webhook is removed'),
  federation_post_delete: after('after a peer or webhook was removed, or was not'),
  plugin_pre_load: point({
    fires: 'before a plugin entry is loaded, at start and at each reload',
    payload: members(pluginLoad),
    ...control,
  }),
  plugin_post_load: point({
    fires: 'after a plugin entry was loaded, or was not',
    payload: members({
      ...pluginLoad,
      outcome: oneOf('loaded', 'vetoed', 'failed'),
      reason: optional(text),
    }),
    observe: true,
    class: 'control',
  }),
  plugin_pre_install: before('before a plugin is installed', { wired: LATER.plugins }),
  plugin_post_install: after('after a plugin was installed, or was not', { wired: LATER.plugins }),
  plugin_pre_update: before('before a plugin is updated', { wired: LATER.plugins }),
  plugin_post_update: after('after a plugin was updated, or was not', { wired: LATER.plugins }),
  plugin_pre_uninstall: before('before a plugin is removed', { wired: LATER.plugins }),
  plugin_post_uninstall: after('after a plugin was removed, or was not', { wired: LATER.plugins }),
  config_pre_reload: point({
    fires:
      'before a whole new configuration takes effect, judged by the running generation; never at start',
    payload: members(reload),
    ...control,
  }),
  config_post_reload: point({
    fires: 'after a reload took effect or was refused',
    payload: members({ file: text, changed: list(text), applied: flag, reason: optional(text) }),
    observe: true,
    class: 'control',
  }),
  alert_raised: event('when a policy or the gateway raises an alert'),
  anomaly_detected: event('when a measured value leaves its band'),
  sla_breached: event('when a service level is breached'),
  session_opened: event('when a session was opened'),
  execution_completed: event('when an operation ended'),
} as const
