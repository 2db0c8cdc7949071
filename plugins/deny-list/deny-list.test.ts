// What the deny list refuses and where it looks.
import fc from 'fast-check'
import { createPluginHarness } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'
import { createWordSearch } from './words.ts'

const plugin = import.meta.dirname
const CALL = {
  server: 'files',
  name: 'write',
  exposedName: 'files__write',
  arguments: {},
  headers: {},
}
const RESULT = { server: 'files', name: 'read', exposedName: 'files__read' }

const said = (text: string) => ({ role: 'user', content: { type: 'text', text } })

async function verdictOn(
  config: object,
  run: (
    harness: Awaited<ReturnType<typeof createPluginHarness>>,
  ) => Promise<{ outcome: { kind: string } }>,
) {
  await using harness = await createPluginHarness({ plugin, config: config as never })
  return (await run(harness)).outcome.kind
}

describe('the deny list', () => {
  const words = { words: ['kryptonite'] }

  it.each([
    ['an argument', { ...CALL, arguments: { note: 'send kryptonite now' } }],
    ['a nested argument', { ...CALL, arguments: { a: [{ b: 'KRYPTONITE' }] } }],
    ['the name of a member', { ...CALL, arguments: { kryptonite: true } }],
    ['the name of the tool', { ...CALL, name: 'kryptonite' }],
    ['full-width letters', { ...CALL, arguments: { note: 'ｋｒｙｐｔｏｎｉｔｅ' } }],
  ])('finds a word in %s of a call', async (_where, payload) => {
    expect(await verdictOn(words, (harness) => harness.dispatch('tool_pre_invoke', payload))).toBe(
      'deny',
    )
  })

  it.each([
    ['a text block', { result: { content: [{ type: 'text', text: 'kryptonite' }] } }],
    [
      'an embedded resource',
      { result: { content: [{ type: 'resource', resource: { uri: 'a:b', text: 'kryptonite' } }] } },
    ],
    [
      'structured content',
      { result: { content: [], structuredContent: { found: ['kryptonite'] } } },
    ],
    ['the metadata', { result: { content: [], _meta: { note: 'kryptonite' } } }],
    ['the message of an error', { error: { code: -1, message: 'no kryptonite here' } }],
    ['the data of an error', { error: { code: -1, message: 'no', data: { why: 'kryptonite' } } }],
  ])('finds a word in %s of a result', async (_where, outcome) => {
    const run = (harness: Awaited<ReturnType<typeof createPluginHarness>>) =>
      harness.dispatch('tool_post_invoke', { ...RESULT, ...outcome } as never)
    expect(await verdictOn(words, run)).toBe('deny')
  })

  it('finds a word in prompts and resources', async () => {
    await using harness = await createPluginHarness({ plugin, config: words })
    const prompt = {
      ...RESULT,
      result: {
        messages: [{ role: 'user' as const, content: { type: 'text', text: 'kryptonite' } }],
      },
    }
    expect((await harness.dispatch('prompt_post_fetch', prompt)).outcome.kind).toBe('deny')
    const contents = [{ uri: 'file:///a', text: 'kryptonite' }]
    const resource = { server: 'files', uri: 'file:///a', exposedName: 'a', result: { contents } }
    expect((await harness.dispatch('resource_post_fetch', resource)).outcome.kind).toBe('deny')
    const asked = { server: 'files', uri: 'file:///kryptonite', exposedName: 'a' }
    expect((await harness.dispatch('resource_pre_fetch', asked)).outcome.kind).toBe('deny')
  })

  it.each([
    ['completion_pre_request', 'a message', { messages: [said('kryptonite')] }],
    ['completion_pre_request', 'the system prompt', { messages: [], systemPrompt: 'kryptonite' }],
    ['completion_pre_request', 'a tool', { messages: [], tools: [{ name: 'kryptonite' }] }],
    [
      'completion_post_response',
      'the answer',
      { ...said('kryptonite'), role: 'assistant', model: 'm' },
    ],
    ['elicitation_pre_create', 'the message', { message: 'kryptonite?' }],
    [
      'elicitation_pre_create',
      'the form',
      { message: '', schema: { properties: { kryptonite: {} } } },
    ],
    ['elicitation_pre_create', 'the page', { message: '', url: 'https://kryptonite.test/' }],
    [
      'elicitation_post_response',
      'what was filled in',
      { action: 'accept', content: { a: 'kryptonite' } },
    ],
  ] as const)('finds a word at %s in %s', async (point, _where, payload) => {
    const run = (harness: Awaited<ReturnType<typeof createPluginHarness>>) =>
      harness.dispatch(point, { server: 'files', ...payload } as never)
    expect(await verdictOn(words, run)).toBe('deny')
    expect(await verdictOn({ words: ['argon'] }, run)).toBe('pass')
  })

  it('lets a part of a longer word pass unless whole_words is false', async () => {
    const payload = { ...CALL, arguments: { note: 'kryptonites' } }
    expect(await verdictOn(words, (harness) => harness.dispatch('tool_pre_invoke', payload))).toBe(
      'pass',
    )
    const parts = { ...words, whole_words: false }
    expect(await verdictOn(parts, (harness) => harness.dispatch('tool_pre_invoke', payload))).toBe(
      'deny',
    )
  })

  it('matches patterns in linear time', async () => {
    await using harness = await createPluginHarness({
      plugin,
      config: { patterns: ['(a+)+$', '^rm\\s+-rf'] },
    })
    const hostile = { ...CALL, arguments: { note: `${'a'.repeat(65_536)}!` } }
    const started = performance.now()
    expect((await harness.dispatch('tool_pre_invoke', hostile)).outcome.kind).toBe('pass')
    expect(performance.now() - started).toBeLessThan(1000)
    const listed = { ...CALL, arguments: { command: 'rm -rf /' } }
    expect((await harness.dispatch('tool_pre_invoke', listed)).outcome.kind).toBe('deny')
  })

  it('never tells the caller which word it found', async () => {
    await using harness = await createPluginHarness({ plugin, config: words })
    const { outcome } = await harness.dispatch('tool_pre_invoke', {
      ...CALL,
      arguments: { a: 'kryptonite' },
    })
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'DENY_LIST' } })
    expect(JSON.stringify(outcome.kind === 'deny' && outcome.violation)).not.toContain('kryptonite')
  })

  it('refuses a configuration that lists nothing', async () => {
    await expect(createPluginHarness({ plugin, config: {} })).rejects.toMatchObject({
      code: 'PLUGIN_CONFIG',
    })
  })
})

describe('the search for words', () => {
  it('equals a naive search on every text', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', '_', ' ', 'é', '😀', 'B'),
      maxLength: 30,
    })
    const lists = fc.array(
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é'), minLength: 1, maxLength: 4 }),
      { minLength: 1, maxLength: 6 },
    )
    fc.assert(
      fc.property(
        lists,
        text,
        fc.boolean(),
        fc.boolean(),
        (words, given, caseSensitive, wholeWords) => {
          const search = createWordSearch(words, { caseSensitive, wholeWords })
          expect(search(given)).toBe(naive(words, given, caseSensitive, wholeWords))
        },
      ),
      { numRuns: 500 },
    )
  })
})

function naive(
  words: readonly string[],
  given: string,
  caseSensitive: boolean,
  wholeWords: boolean,
): boolean {
  const fold = (text: string) => (caseSensitive ? text : text.toLowerCase()).normalize('NFKC')
  const text = fold(given)
  return words.map(fold).some((word) => {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      const around = [
        [...text.slice(0, at)].at(-1) ?? '',
        [...text.slice(at + word.length)][0] ?? '',
      ]
      if (!wholeWords || around.every((character) => !/[\p{L}\p{N}\p{M}_]/u.test(character)))
        return true
    }
    return false
  })
}
