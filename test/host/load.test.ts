// What the host loads, what it refuses, and what it says where.
import { describe, expect, it } from 'vitest'
import { CALL, createBench, dispatch, signatureOf } from './support.ts'

const OPEN = 'plugins:\n  enabled: true\n  allowed: [rules, deny-list]\n'

describe('the built-in plugins', () => {
  it('deny a listed word wherever it stands in the arguments', async () => {
    const bench = createBench()
    const loaded = await bench.load(`${OPEN}  entries:
    - { name: no-secrets, use: deny-list, hooks: [tool_pre_invoke], config: { words: [Kryptonite] } }
`)
    const payload = { ...CALL, arguments: { deep: [{ note: 'bring KRYPTONITE, please' }] } }
    const { outcome } = await dispatch(loaded, 'tool_pre_invoke', payload)
    expect(outcome).toMatchObject({
      kind: 'deny',
      violation: { code: 'DENY_LIST', plugin: 'deny-list', entry: 'no-secrets' },
    })
    expect((await dispatch(loaded, 'tool_pre_invoke', CALL)).outcome.kind).toBe('pass')
    expect(loaded.entries).toMatchObject([
      {
        name: 'no-secrets',
        plugin: 'deny-list',
        version: '1.0.0',
        source: 'built-in',
        state: 'loaded',
        hooks: ['tool_pre_invoke'],
      },
    ])
    await loaded.close()
  })

  it('run a policy as one entry of rules', async () => {
    const bench = createBench()
    const loaded = await bench.load(`${OPEN}
policies:
  - name: cap
    on: [tool_pre_invoke]
    when: 'payload.arguments.limit > 10'
    then: patch
    patch: { arguments: { limit: 10, who: { cel: principal.id }, gone: null } }
`)
    const payload = { ...CALL, arguments: { limit: 99, gone: 1, kept: true } }
    const { outcome } = await dispatch(loaded, 'tool_pre_invoke', payload)
    expect(outcome.kind).toBe('pass')
    expect(outcome.payload).toMatchObject({
      arguments: { limit: 10, who: 'anonymous', kept: true },
    })
    expect((outcome.payload as typeof payload).arguments).not.toHaveProperty('gone')
    await loaded.close()
  })
})

describe('the signature of a point', () => {
  const entry = (more: string) => `${OPEN}  entries:
    - { name: words, use: deny-list, hooks: [tool_pre_invoke], ${more} }
`
  async function signature(yaml: string): Promise<string> {
    const loaded = await createBench().load(yaml)
    await loaded.close()
    return signatureOf(loaded, 'tool_pre_invoke')
  }
  const plain = entry('config: { words: [one] }')

  it.each([
    ['its configuration', entry('config: { words: [two] }')],
    ['its mode', entry('config: { words: [one] }, mode: permissive')],
    ['what a fault of it does', entry('config: { words: [one] }, on_error: ignore')],
    ['its conditions', entry('config: { words: [one] }, conditions: [{ servers: [a] }]')],
    ['when it runs', entry('config: { words: [one] }, when: "true"')],
    ['its name', plain.replace('name: words', 'name: others')],
  ])('changes with %s', async (_, yaml) => {
    expect(await signature(yaml)).not.toBe(await signature(plain))
  })

  it('is the same for the same entries, however long they may take', async () => {
    expect(await signature(entry('config: { words: [one] }, timeout: 3s'))).toBe(
      await signature(plain),
    )
  })
})
