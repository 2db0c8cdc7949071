// What changed between two configurations.
import { describe, expect, it } from 'vitest'
import { configLoader } from '../../src/app/sections.ts'
import { type ConfigDiff, diffConfig } from '../../src/config/diff.ts'

const loader = configLoader()

async function diff(old: string, next: string): Promise<ConfigDiff> {
  return diffConfig(
    await loader.parse(`version: 1\n${old}`),
    await loader.parse(`version: 1\n${next}`),
  )
}

const NONE = { added: [], removed: [], changed: [] }

describe('the difference of two configurations', () => {
  it('is empty for files that differ in comments, order of keys and written defaults only', async () => {
    expect(
      await diff('listen: { port: 1, host: a } # one', 'listen: { host: a, port: 1, path: /mcp }'),
    ).toEqual({
      paths: [],
      sections: [],
      servers: NONE,
      entries: NONE,
      policies: NONE,
    })
  })

  it('names servers that were added, removed and changed', async () => {
    const changed = await diff(
      'servers: [{ name: a, command: x }, { name: b, command: x }, { name: c, command: x }]',
      'servers: [{ name: b, command: y }, { name: c, command: x }, { name: d, command: x }]',
    )
    expect(changed.servers).toEqual({ added: ['d'], removed: ['a'], changed: ['b'] })
    expect(changed.paths).toEqual(['servers.a', 'servers.b.command', 'servers.d'])
    expect(changed.sections).toEqual(['servers'])
  })

  it('sees another order of entries, which decides between equal priorities', async () => {
    const changed = await diff(
      'plugins: { entries: [{ name: a, use: x }, { name: b, use: x }] }',
      'plugins: { entries: [{ name: b, use: x }, { name: a, use: x }] }',
    )
    expect(changed.paths).toEqual(['plugins.entries'])
    expect(changed.entries).toEqual(NONE)
  })

  it('sees a change inside a list without names, once', async () => {
    const policy = (tools: string) =>
      `policies: [{ name: p, on: [tool_pre_invoke], conditions: [{ tools: [${tools}] }], then: log }]`
    const changed = await diff(policy('a, b'), policy('a, c'))
    expect(changed.paths).toEqual(['policies.p.conditions'])
    expect(changed.policies.changed).toEqual(['p'])
  })
})
