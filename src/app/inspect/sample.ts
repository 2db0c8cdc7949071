// A small payload for every point, made of its declared shape: what a plugin is shown when nobody has a real one. Data only.
import { isObject, type Json, type JsonObject } from '../../base/json.ts'
import { declarationOf, type PointName } from '../../points/table.ts'

const TEXT =
  'the report for the third quarter is ready; ask the finance team for the numbers behind it'

/** Texts by the name of their member; any other member has the plain text. */
const TEXTS: Readonly<Record<string, string>> = {
  server: 'files',
  name: 'read_file',
  exposedName: 'files__read_file',
  uri: 'file:///srv/report.txt',
  method: 'tools/call',
  path: '/mcp',
  type: 'text',
  revision: '2025-11-25',
  id: 'anonymous',
}

/** Members that may be absent and are not, because policies look at them. */
const SHOWN: readonly string[] = ['arguments', 'result', 'text', 'params', 'message']

const ARGUMENTS = { path: '/srv/report.txt', text: TEXT }
const BLOCK = { type: 'text', text: TEXT }

/** Of the shape that the point declares. */
export function samplePayload(point: PointName): JsonObject {
  return sample(declarationOf(point).payload.schema, '') as JsonObject
}

function sample(schema: JsonObject, name: string): Json {
  const { type, properties, required = [], items, additionalProperties } = schema
  const choices = schema.enum
  if (Array.isArray(choices)) return choices[0] as Json
  switch (type) {
    case 'string':
      return TEXTS[name] ?? TEXT
    case 'integer':
      return 1
    case 'boolean':
      return false
    case 'array':
      return [sample(items as JsonObject, name)]
    case 'object':
      if (isObject(properties))
        return membersOf(properties as JsonObject, required as readonly string[])
      return name === 'arguments' ? ARGUMENTS : additionalProperties ? {} : { text: TEXT }
    default:
      return BLOCK
  }
}

function membersOf(properties: JsonObject, required: readonly string[]): JsonObject {
  const shown = Object.entries(properties).filter(
    ([name]) => required.includes(name) || SHOWN.includes(name),
  )
  return Object.fromEntries(
    shown.map(([name, schema]) => [name, sample(schema as JsonObject, name)]),
  )
}
