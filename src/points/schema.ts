// JSON Schemas of what points carry, for plugins that are not written in TypeScript; made from the table, checked by nobody here.
import type { JsonObject } from '../base/json.ts'
import { declarationOf, POINT_NAMES, type PointName } from './table.ts'

export interface PointSchemas {
  readonly payload: JsonObject
  /** Writable fields as a patch names them; nothing else may stand in it. */
  readonly patch: JsonObject
  /** What a `respond` holds; absent where there is none. */
  readonly answer?: JsonObject
}

export function schemasOf(name: PointName): PointSchemas {
  const { payload, writable, answerShape } = declarationOf(name)
  const properties = Object.fromEntries(
    Object.entries(writable).map(([field, { shape }]) => [field, shape.schema]),
  )
  return {
    payload: payload.schema,
    patch: { type: 'object', properties, additionalProperties: false },
    ...(answerShape ? { answer: answerShape.schema } : {}),
  }
}

/** One document with the schemas of every point under `$defs/<point>/<payload, patch or answer>`. */
export function pointSchemas(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'payloads, patches and answers of every point',
    $defs: Object.fromEntries(POINT_NAMES.map((name) => [name, { ...schemasOf(name) }])),
  }
}
