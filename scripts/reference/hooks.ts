// docs/hooks.md from the table of points: what fires when, what a plugin gets and may answer, what the other side sees.
import type { JsonObject } from '../../src/base/json.ts'
import type { DenialForm, PointDeclaration } from '../../src/points/declare.ts'
import {
  declarationOf,
  POINT_ALIASES,
  POINT_NAMES,
  type PointName,
} from '../../src/points/table.ts'
import { table } from './markdown.ts'

const INTRODUCTION = `# Points

Made by \`npm run generate\` from \`src/points\`; do not edit.

A point is a named place in the gateway where plugins run. A handler gets the payload, which it cannot change, and answers
nothing (pass), \`patch\`, \`deny\`, \`respond\` or \`ask\`; a patch names writable fields only, flat, and everything else is a fault.
Entries run by ascending \`priority\`, before a call and after it. \`server\` and \`name\` or \`uri\` are always the server's own
names; \`exposedName\` is what the client used. Points after a call have \`result\`, or \`error\` when the server answered with one.

An \`ask\` is put to the person behind the client by elicitation; where that client cannot ask anybody, the call ends with the
violation ASK_UNAVAILABLE.
`

const DENIAL: Readonly<Record<DenialForm, string>> = {
  tool: 'a tool result with `isError: true` that gives reason and code',
  rpc: 'the JSON-RPC error -31001 with code and reason',
  http: 'the JSON-RPC error -31001 with the status of the violation, 403 unless it says another',
  drop: 'nothing: the message is dropped and audited',
  forget:
    'nothing: the stream closes all the same, and what is kept of it cannot be taken up again',
  decline: 'the server is told that the person declined',
  error: 'the server gets an error',
  problem: '403 with `application/problem+json`',
  none: '',
}

const CLASS: Readonly<Record<PointDeclaration['class'], string>> = {
  data: 'the data budget',
  control: 'the control budget',
  admission: 'the admission budget',
}

export function hooksReference(): string {
  const fired = POINT_NAMES.filter((name) => declarationOf(name).wired === true)
  const later = POINT_NAMES.filter((name) => declarationOf(name).wired !== true)
  const overview = table(
    ['point', 'fires', 'writable', 'verdicts'],
    fired.map((name) => {
      const { fires, writable } = declarationOf(name)
      const fields = Object.keys(writable).map((field) => `\`${field}\``)
      return [
        `[\`${name}\`](#${name})`,
        fires,
        fields.join(', '),
        verdictsOf(declarationOf(name)).join(', '),
      ]
    }),
  )
  const waiting = table(
    ['point', 'fires', 'comes with'],
    later.map((name) => {
      const { fires, wired } = declarationOf(name)
      return [`\`${name}\``, fires, String(wired)]
    }),
  )
  return `${INTRODUCTION}
${overview}
${fired.map(section).join('\n')}
## Declared, not yet fired

Binding a policy or an entry to one of these is an error when the configuration is loaded.

${waiting}`
}

function verdictsOf({ observe, deny, respond, ask, writable }: PointDeclaration): string[] {
  if (observe) return ['observes']
  return [
    ...(Object.keys(writable).length > 0 ? ['patch'] : []),
    ...(deny ? ['deny'] : []),
    ...(respond ? ['respond'] : []),
    ...(ask ? ['ask'] : []),
  ]
}

function section(name: PointName): string {
  const declared = declarationOf(name)
  const aliases = Object.keys(POINT_ALIASES).filter((alias) => POINT_ALIASES[alias] === name)
  const facts = [
    `Fires ${declared.fires}.`,
    ...(aliases.length > 0 ? [`Also accepted as ${aliases.join(', ')}.`] : []),
    declared.observe
      ? 'It only tells: whatever a plugin answers is ignored.'
      : `A plugin may answer ${verdictsOf(declared).join(', ') || 'nothing'}, within ${CLASS[declared.class]}.`,
    ...(declared.deny ? [`Who is denied gets ${DENIAL[declared.denial]}.`] : []),
    `Conditions can name ${declared.conditions.map((field) => `\`${field}\``).join(', ')}.`,
  ]
  return `## ${name}\n\n${facts.join('\n')}\n\n${payloadTable(declared)}`
}

function payloadTable({ payload, writable, content }: PointDeclaration): string {
  const { properties = {}, required = [] } = payload.schema as {
    properties?: Record<string, JsonObject>
    required?: readonly string[]
  }
  const patched = (member: string): string => {
    const names = Object.entries(writable)
      .filter(([, { path }]) => path[0] === member)
      .map(([field, { path }]) => (path.length === 1 ? 'yes' : `\`${field}\``))
    return names.join(', ')
  }
  const rows = Object.entries(properties).map(([member, schema]) => [
    `\`${member}\``,
    `${typeOf(schema)}${required.includes(member) ? '' : ', may be absent'}`,
    patched(member),
    [
      String(schema.description ?? ''),
      content.includes(member) ? 'content: withheld from observers until redacted' : '',
    ]
      .filter(Boolean)
      .join('; '),
  ])
  return table(['member', 'type', 'writable', 'about'], rows)
}

function typeOf(schema: JsonObject): string {
  const { type, enum: values, items, properties, additionalProperties } = schema
  if (Array.isArray(values)) return values.map((value) => `\`${String(value)}\``).join(' or ')
  if (type === 'array') return `list of ${typeOf((items ?? {}) as JsonObject)}`
  if (typeof properties === 'object' && properties !== null)
    return `object of ${Object.keys(properties)
      .map((name) => `\`${name}\``)
      .join(', ')}`
  if (typeof additionalProperties === 'object' && additionalProperties !== null)
    return `map to ${typeOf(additionalProperties as JsonObject)}`
  return typeof type === 'string' ? type : 'any JSON'
}
