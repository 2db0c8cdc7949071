// Ajv instances for schemas of both dialects: each schema has one of its own, and the schema of schemas is compiled once for all.
import { createRequire } from 'node:module'
import type { Ajv, Options } from 'ajv'
import type { Ajv2020 } from 'ajv/dist/2020.js'

export type SchemaCompiler = Ajv | Ajv2020

const require = createRequire(import.meta.url)

const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-0[4-7]\/schema#?$/

/**
 * Gives a compiler for a schema that its dialect accepts; throws what is wrong with it. A compiler is used once: a schema's
 * $id must not be seen by the next one. Compiling the schema of schemas takes ten milliseconds of the event loop, so one
 * instance of each dialect does it, and it keeps nothing of the schemas it is shown.
 */
export function createDialects(
  options: Options,
  extend: (ajv: SchemaCompiler) => void,
): (schema: object) => SchemaCompiler {
  const make = (old: boolean, given: Options): SchemaCompiler => {
    const ajv = create(old, given)
    extend(ajv)
    return ajv
  }
  const judges = new Map<boolean, SchemaCompiler>()
  return (schema) => {
    const old = isDraft07(schema)
    const judge = judges.get(old) ?? make(old, options)
    judges.set(old, judge)
    judge.validateSchema(schema, true)
    return make(old, { ...options, validateSchema: false })
  }
}

// loaded with the first schema: a gateway whose plugins have none does without
function create(old: boolean, options: Options): SchemaCompiler {
  if (old) {
    const { Ajv } = require('ajv') as typeof import('ajv')
    return new Ajv(options)
  }
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
  return new Ajv2020(options)
}

function isDraft07(schema: object): boolean {
  const { $schema: dialect } = schema as { $schema?: unknown }
  return typeof dialect === 'string' && DRAFT_07.test(dialect)
}
