// What is said about keywords that our own sections hardly use, on small schemas.
import { describe, expect, it } from 'vitest'
import { createLoader } from '../../src/config/load.ts'
import { formatProblem, problemsOf } from '../../src/config/problem.ts'
import type { Schema } from '../../src/config/schema/schema.ts'

async function said(schema: Schema, yaml: string): Promise<string[]> {
  const loader = createLoader({ sections: { it: schema } })
  const error = await loader.parse(`version: 1\nit: ${yaml}\n`).catch((reason: unknown) => reason)
  return problemsOf(error).map((problem) => formatProblem({ ...problem, line: 0, file: '' }))
}

describe('a message', () => {
  const CASES: [string, Schema, string, string][] = [
    ['text that is too long', { type: 'string', maxLength: 3 }, 'abcd', 'it: must be at most 3 characters long'],
    ['items that repeat', { type: 'array', uniqueItems: true }, '[a, b, a]', 'it: items 0 and 2 are the same'],
    ['a key that is not allowed', { type: 'object', propertyNames: { pattern: '^[a-z]+$' } }, '{ A: 1 }', 'it: the key "A" is not allowed here'],
    ['two keys of which one is wanted', { type: 'object', oneOf: [{ required: ['a'] }, { required: ['b'] }] }, '{ a: 1, b: 1 }', 'it: only one of a, b can be given'],
    ['a form without keys', { oneOf: [{ type: 'string' }, { type: 'number' }] }, 'true', 'it: does not fit any of the allowed forms'],
    ['a type of several', { type: ['string', 'boolean'] }, '[]', 'it: expected text or true or false, found a list'],
    ['a secret', { type: 'string', pattern: '^x', 'x-secret': true }, 'hunter2', 'it: expected text like ^x, found a value that is not shown'],
    ['a long text', { type: 'string', pattern: '^x' }, 'a'.repeat(99), `it: expected text like ^x, found "${'a'.repeat(60)}…"`],
    ['a keyword without words of its own', { type: 'number', multipleOf: 2 }, '3', 'it: must be multiple of 2'],
  ] // biome-ignore format: a table
  for (const [what, schema, yaml, message] of CASES)
    it(`says what is wrong with ${what}`, async () => {
      expect(await said(schema, yaml)).toEqual([message])
    })
})
