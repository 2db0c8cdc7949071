// What is replaced, in which order, and what bounds it.
import { createPluginHarness } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'

const plugin = import.meta.dirname
const CALL = { server: 's', name: 'say', exposedName: 's__say', headers: {} }
const harnessFor = (replacements: readonly object[], more: object = {}) =>
  createPluginHarness({ plugin, config: { replacements, ...more } })

describe('search and replace', () => {
  it('applies each replacement to what the one before it made', async () => {
    await using harness = await harnessFor([
      { search: 'crap', replace: 'crud' },
      { search: 'crud', replace: 'yikes' },
    ])
    const { payload } = await harness.dispatch('tool_pre_invoke', {
      ...CALL,
      arguments: { a: 'crap, crap', n: 1 },
    })
    expect(payload.arguments).toEqual({ a: 'yikes, yikes', n: 1 })
  })

  it('replaces in what servers ask and in what is answered', async () => {
    await using harness = await harnessFor([{ search: 'crap', replace: 'crud' }])
    const content = { type: 'text', text: 'crap' }
    const sampled = await harness.dispatch('completion_pre_request', {
      server: 's',
      messages: [{ role: 'user', content }],
    })
    expect(sampled.payload.messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'crud' } },
    ])
    const form = { server: 's', message: 'crap?', url: 'https://a.test/crap' }
    const elicited = await harness.dispatch('elicitation_pre_create', form)
    expect(elicited.payload).toEqual({ ...form, message: 'crud?' })
    const filled = await harness.dispatch('elicitation_post_response', {
      server: 's',
      action: 'accept',
      content: { a: 'crap' },
    })
    expect(filled.payload.content).toEqual({ a: 'crud' })
  })

  it('takes a literal as it is, and its replacement too', async () => {
    await using harness = await harnessFor([
      { search: 'a.c', replace: '$1$&', case_sensitive: false },
    ])
    const { payload } = await harness.dispatch('tool_pre_invoke', {
      ...CALL,
      arguments: { a: 'A.C abc' },
    })
    expect(payload.arguments).toEqual({ a: '$1$& abc' })
  })

  it('fills groups into the replacement of an expression', async () => {
    await using harness = await harnessFor([
      { search: '(\\w+)@(\\w+)', replace: '$2 at $1', type: 'regex' },
    ])
    const { payload } = await harness.dispatch('tool_pre_invoke', {
      ...CALL,
      arguments: { a: 'me@home' },
    })
    expect(payload.arguments).toEqual({ a: 'home at me' })
  })

  it('leaves names of members alone unless told otherwise', async () => {
    const payload = { ...CALL, arguments: { crap: 'crap' } }
    await using plain = await harnessFor([{ search: 'crap', replace: 'x' }])
    expect((await plain.dispatch('tool_pre_invoke', payload)).payload.arguments).toEqual({
      crap: 'x',
    })
    await using keys = await harnessFor([{ search: 'crap', replace: 'x' }], { keys: true })
    expect((await keys.dispatch('tool_pre_invoke', payload)).payload.arguments).toEqual({ x: 'x' })
  })

  it('reaches results, error messages and list descriptions but no identities', async () => {
    await using harness = await harnessFor([{ search: 'old', replace: 'new' }])
    const content = [{ type: 'text', text: 'old' }]
    const result = await harness.dispatch('tool_post_invoke', {
      server: 's',
      name: 'old',
      exposedName: 'x',
      result: { content },
    })
    expect(result.payload).toMatchObject({
      name: 'old',
      result: { content: [{ type: 'text', text: 'new' }] },
    })
    const items = [{ server: 'old', item: { name: 'old', description: 'old' } }]
    const list = await harness.dispatch('tool_post_list', { items })
    expect(list.payload.items).toEqual([
      { server: 'old', item: { name: 'old', description: 'new' } },
    ])
  })

  it.each(['literal', 'regex'])('refuses to let a %s replacement fill the memory', async (type) => {
    await using harness = await harnessFor([{ search: 'a', replace: 'b'.repeat(4096), type }])
    const started = performance.now()
    const { outcome } = await harness.dispatch('tool_pre_invoke', {
      ...CALL,
      arguments: { a: 'a'.repeat(500_000) },
    })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_THREW' } })
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('says which expression is wrong', async () => {
    await expect(harnessFor([{ search: '(a', replace: '', type: 'regex' }])).rejects.toThrow(
      'config.replacements[0].search',
    )
  })
})
