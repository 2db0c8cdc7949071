// config/gateway.schema.json and docs/configuration.md from the sections of the configuration; the sections say it, this only lays it out.
import { NOT_BUILT, SECTIONS } from '../../src/app/sections.ts'
import { editorSchema } from '../../src/config/schema/editor.ts'
import { rootSchema, type Schema } from '../../src/config/schema/schema.ts'
import { table } from './markdown.ts'

/** The schema editors check `gateway.yaml` with. */
export function configSchema(): string {
  return `${JSON.stringify(editorSchema(rootSchema(SECTIONS, NOT_BUILT)), null, 2)}\n`
}

const INTRODUCTION = `# Configuration

Made by \`npm run generate\` from the \`options.ts\` of each folder; do not edit. A commented example is
[config/gateway.yaml](../config/gateway.yaml); editors can check it with [config/gateway.schema.json](../config/gateway.schema.json).

* An unknown key is an error with file, line, column and a suggestion. What is marked *not built yet* is known and refused.
* \`\${env:NAME}\`, \`\${env:NAME:-default}\` and \`\${file:path}\` are replaced in values, after the file was parsed; \`$\${\` is a literal \`\${\`.
* Relative paths are relative to the file that names them.
* \`include: [./servers/*.yaml]\` adds the lists \`servers\`, \`virtual_servers\`, \`policies\`, \`plugins.entries\`, \`plugins.allowed\` and \`plugins.dirs\` of
  other files after those of the file itself; a \`*\` may stand in the file name, and matches are sorted.
* \`--profile NAME\` lays \`profiles/NAME.yaml\` over the file as a JSON merge patch (RFC 7396); items of named lists are merged by name.
* Flags win over \`PORTCULLIS_LISTEN_HOST\`, \`PORTCULLIS_LISTEN_PORT\`, \`PORTCULLIS_ADMIN_HOST\`, \`PORTCULLIS_ADMIN_PORT\` and
  \`PORTCULLIS_LOG_LEVEL\`, these over the profile, the profile over the file, the file over the defaults.
* A file that everyone can write is refused; one that its group can write is warned about.
`

/** One table per section. */
export function configReference(): string {
  const root = rootSchema(SECTIONS, NOT_BUILT)
  const sections = Object.entries(root.properties ?? {}).map(
    ([name, schema]) => `## ${name}\n\n${keysOf(schema, name)}`,
  )
  return `${INTRODUCTION}\n${sections.join('\n')}`
}

/** A table of every key at and below a path. */
export function keysOf(schema: Schema, path: string): string {
  const rows = describe(schema, path).map((row) => [
    `\`${row.path}\``,
    row.type,
    row.value,
    row.what,
  ])
  return table(['key', 'type', 'default', 'what'], rows)
}

interface Row {
  readonly path: string
  readonly type: string
  readonly value: string
  readonly what: string
}

function describe(schema: Schema, path: string): Row[] {
  const own = { path, type: typeOf(schema), value: defaultOf(schema), what: whatOf(schema) }
  const rows: Row[] = [own]
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    rows.push(...describe(property, `${path}.${name}`))
  if (schema.items?.properties)
    for (const [name, property] of Object.entries(schema.items.properties))
      rows.push(...describe(property, `${path}[].${name}`))
  const { additionalProperties: each } = schema
  if (typeof each === 'object')
    for (const [name, property] of Object.entries(each.properties ?? {}))
      rows.push(...describe(property, `${path}.*.${name}`))
  return rows
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ')
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (schema.format === 'duration' || schema.format === 'size') return schema.format
  if (schema.type === 'array')
    return schema.items?.properties
      ? 'list'
      : `list of ${schema.items ? typeOf(schema.items) : 'anything'}`
  const names: Record<string, string> = { string: 'text', integer: 'number', object: 'mapping' }
  return [schema.type ?? '']
    .flat()
    .map((type) => names[type] ?? type)
    .join(' or ')
}

function defaultOf(schema: Schema): string {
  const value = schema.default
  if (value === undefined || (typeof value === 'object' && JSON.stringify(value) === '{}'))
    return ''
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``
}

function whatOf(schema: Schema): string {
  const text = schema['x-not-built']
  const later = Object.entries(schema['x-not-built-values'] ?? {}).map(
    ([value, why]) => `*\`${value}\` is not built yet: ${why}*`,
  )
  const own = schema.description === text ? [] : [schema.description ?? '']
  const built = schema['x-built']
    ? `other than ${schema['x-built'].map((value) => `\`${String(value)}\``).join(', ')} `
    : ''
  if (text !== undefined) later.push(`*${built}not built yet: ${text}*`)
  return [...own, ...later].filter((part) => part !== '').join('; ')
}
