// Executes the example in the README of every built-in plugin: what it says happens is what happens.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { PointName } from '../../src/points/table.ts'
import { BUILT_IN, createBench, dispatch } from '../host/support.ts'

interface Example {
  readonly point: PointName
  readonly payload: never
  readonly outcome: object
}

const number = { type: 'number' }
const ADD = {
  inputSchema: { type: 'object', properties: { a: number, b: number }, required: ['a', 'b'] },
}

function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    (match) => match[1] ?? '',
  )
}

describe.each(readdirSync(BUILT_IN))('the README of %s', (id) => {
  const text = readFileSync(join(BUILT_IN, id, 'README.md'), 'utf8')

  it('has an example that does what it says', async () => {
    const [yaml] = blocks(text, 'yaml')
    const examples = blocks(text, 'json').map((block) => JSON.parse(block) as Example)
    expect(examples.length).toBeGreaterThan(0)
    const bench = createBench({
      toolDefinition: async (_server, name) => (name === 'add' ? ADD : undefined),
    })
    const loaded = await bench.load(yaml ?? '')
    for (const { point, payload, outcome } of examples)
      expect((await dispatch(loaded, point, payload)).outcome).toMatchObject(outcome)
    await loaded.close()
  })

  it('names every setting of its schema', () => {
    const schema = JSON.parse(readFileSync(join(BUILT_IN, id, 'config.schema.json'), 'utf8'))
    for (const key of Object.keys(schema.properties)) expect(text).toContain(`\`${key}\``)
  })
})
