// What is cut, where, and what is refused because it cannot be.
import fc from 'fast-check'
import { createPluginHarness } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'
import { createBudget, cutItems } from './cut.ts'

const plugin = import.meta.dirname
const TARGET = { server: 's', name: 'n', exposedName: 's__n' }
const text = (value: string) => ({ type: 'text', text: value })

async function limited(config: object, result: object) {
  await using harness = await createPluginHarness({ plugin, config: { marker: '…', ...config } })
  return (await harness.dispatch('tool_post_invoke', { ...TARGET, result: result as never }))
    .outcome
}

describe('the output limit', () => {
  it('cuts texts where the characters end and leaves later blocks out', async () => {
    const outcome = await limited(
      { max_chars: 8 },
      { content: [text('12345'), text('67890'), text('x')] },
    )
    expect(outcome.payload).toMatchObject({ result: { content: [text('12345'), text('678…')] } })
  })

  it('lets what fits pass as it is', async () => {
    const outcome = await limited({ max_chars: 10 }, { content: [text('12345'), text('67890')] })
    expect(outcome.changed).toBe(false)
  })

  it('never cuts a character in two', async () => {
    expect((await limited({ max_bytes: 5 }, { content: [text('aé😀z')] })).payload).toMatchObject({
      result: { content: [text('aé…')] },
    })
    expect((await limited({ max_chars: 2 }, { content: [text('a😀')] })).payload).toMatchObject({
      result: { content: [text('a…')] },
    })
  })

  it('limits the number of items', async () => {
    const outcome = await limited({ max_items: 2 }, { content: [text('1'), text('2'), text('3')] })
    expect(outcome.payload).toMatchObject({ result: { content: [text('1'), text('2')] } })
  })

  it('cuts embedded resources and leaves base64 out whole', async () => {
    const resource = { type: 'resource', resource: { uri: 'a:b', text: 'abcdef' } }
    const cut = await limited({ max_chars: 3 }, { content: [resource] })
    expect(cut.payload).toMatchObject({
      result: { content: [{ resource: { uri: 'a:b', text: 'abc…' } }] },
    })
    const image = { type: 'image', data: 'A'.repeat(100), mimeType: 'image/png' }
    const dropped = await limited({ max_bytes: 50 }, { content: [text('a'), image, text('b')] })
    expect((dropped.payload as { result: { content: unknown[] } }).result.content).toEqual([
      text('a'),
    ])
  })

  it('refuses structured content that is too large, because half of it is another value', async () => {
    const outcome = await limited(
      { max_chars: 10 },
      { content: [], structuredContent: { a: 'x'.repeat(20) } },
    )
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'OUTPUT_TOO_LARGE' } })
  })

  it('refuses instead of cutting when told to', async () => {
    expect((await limited({ max_chars: 2, action: 'deny' }, { content: [text('abc')] })).kind).toBe(
      'deny',
    )
    expect((await limited({ max_chars: 3, action: 'deny' }, { content: [text('abc')] })).kind).toBe(
      'pass',
    )
  })

  it('limits prompts and resources too', async () => {
    await using harness = await createPluginHarness({
      plugin,
      config: { max_chars: 3, marker: '' },
    })
    const messages = [{ role: 'user' as const, content: text('abcdef') }]
    const prompt = await harness.dispatch('prompt_post_fetch', { ...TARGET, result: { messages } })
    expect(prompt.payload.result?.messages).toEqual([{ role: 'user', content: text('abc') }])
    const contents = [
      { uri: 'a:b', text: 'abcdef' },
      { uri: 'a:c', blob: 'AAAA' },
    ]
    const resource = await harness.dispatch('resource_post_fetch', {
      server: 's',
      uri: 'a:b',
      exposedName: 'x',
      result: { contents },
    })
    expect(resource.payload.result?.contents).toEqual([{ uri: 'a:b', text: 'abc' }])
  })

  it('needs at least one limit', async () => {
    await expect(createPluginHarness({ plugin, config: {} })).rejects.toMatchObject({
      code: 'PLUGIN_CONFIG',
    })
  })
})

describe('cutting', () => {
  it('keeps every list of texts within both limits and changes nothing that fits', () => {
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 6 })
    fc.assert(
      fc.property(
        texts,
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 0, max: 90 }),
        (given, chars, bytes) => {
          const items = given.map(text)
          const cut = cutItems(items, createBudget({ chars, bytes }), 100, '')
          const kept = cut.map((item) => item.text).join('')
          expect(kept.length).toBeLessThanOrEqual(chars)
          expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(bytes)
          expect(given.join('').startsWith(kept)).toBe(true)
          const whole = given.join('')
          if (whole.length <= chars && Buffer.byteLength(whole) <= bytes) expect(cut).toBe(items)
        },
      ),
    )
  })
})
