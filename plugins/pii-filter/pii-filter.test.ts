// What the filter finds, what it makes of it, where it looks, and how long hostile texts may take it.
// Over 300 lines because of its tables of samples.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { createPluginHarness, type HarnessOptions } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'
import { findAddresses, findEmails, findPhones } from './contacts.ts'
import { findCards, findIbans, findSsns, mod97, passesLuhn } from './numbers.ts'
import { findSecrets } from './secrets.ts'
import { type Find, settleSpans } from './span.ts'

const plugin = import.meta.dirname
const FINDERS = {
  findCards,
  findIbans,
  findSsns,
  findEmails,
  findPhones,
  findAddresses,
  findSecrets,
}
const ALL = Object.values(FINDERS)
const filter = (config: object = {}, more: Partial<HarnessOptions> = {}) =>
  createPluginHarness({ plugin, config: { ...config }, ...more })
const RESULT = { server: 'crm', name: 'find', exposedName: 'crm__find' }

async function redacted(text: string, config: object = {}): Promise<string> {
  await using harness = await filter(config, { hooks: ['tool_post_invoke'] })
  const result = { content: [{ type: 'text', text }] }
  const { payload } = await harness.dispatch('tool_post_invoke', { ...RESULT, result })
  return payload.result?.content[0]?.text ?? ''
}

describe('the filter', () => {
  it('redacts each kind by its name', async () => {
    const text =
      'Ann <ann@example.com>, +1 415 555 0132, 4111 1111 1111 1111, GB82 WEST 1234 5698 7654 32, 078-05-1123, 203.0.113.7'
    expect(await redacted(text)).toBe(
      'Ann <[redacted email]>, [redacted phone], [redacted credit_card], [redacted iban], [redacted ssn], [redacted ip]',
    )
  })

  it('masks so that a reader can still tell two apart', async () => {
    const text = 'ann@example.com 4111-1111-1111-1111 078-05-1123'
    expect(await redacted(text, { action: 'mask' })).toBe(
      'a***@example.com ****-****-****-1111 ***-**-1123',
    )
  })

  it('hashes with a key, the same number to the same hash however it is written', async () => {
    const config = { action: 'hash', hash_key: 'a key of sixteen or more' }
    const [first, second] = (await redacted('4111111111111111 4111-1111-1111-1111', config)).split(
      '] ',
    )
    expect(first).toMatch(/^\[credit_card [0-9a-f]{16}$/)
    expect(`${first}]`).toBe(second)
    const other = await redacted('4111111111111111', {
      ...config,
      hash_key: 'another key, sixteen too',
    })
    expect(other).not.toBe(second)
  })

  it('blocks without saying what it found', async () => {
    await using harness = await filter({ actions: { ssn: 'block' } })
    const result = { content: [{ type: 'text', text: 'her number is 078-05-1123' }] }
    const { outcome } = await harness.dispatch('tool_post_invoke', { ...RESULT, result })
    expect(outcome).toMatchObject({
      kind: 'deny',
      violation: { code: 'PII_FOUND', details: { kinds: ['ssn'] } },
    })
    expect(JSON.stringify(outcome.kind === 'deny' && outcome.violation)).not.toContain('1123')
  })

  it('leaves what is allowed', async () => {
    expect(await redacted('help@acme.com or ann@acme.com', { allow: ['help@acme.com'] })).toBe(
      'help@acme.com or [redacted email]',
    )
  })

  it('finds kinds of your own', async () => {
    const config = { detect: [], custom: [{ name: 'employee', pattern: '\\bEMP-[0-9]{4}\\b' }] }
    expect(await redacted('EMP-1234 sent ann@example.com', config)).toBe(
      '[redacted employee] sent ann@example.com',
    )
  })

  it('covers what servers ask and what is answered', async () => {
    await using harness = await filter()
    const mail = 'ann@example.com'
    const content = { type: 'text', text: mail }
    const asked = await harness.dispatch('completion_pre_request', {
      server: 'crm',
      messages: [{ role: 'user', content }],
      systemPrompt: mail,
      tools: [{ name: 'find', description: mail }],
    })
    const answered = await harness.dispatch('completion_post_response', {
      server: 'crm',
      role: 'assistant',
      model: 'm',
      content,
    })
    const form = await harness.dispatch('elicitation_pre_create', {
      server: 'crm',
      message: `is it ${mail}?`,
      schema: { properties: { mail: { type: 'string', default: mail } } },
    })
    const filled = await harness.dispatch('elicitation_post_response', {
      server: 'crm',
      action: 'accept',
      content: { mail, list: [mail] },
    })
    for (const { payload, outcome } of [asked, answered, form, filled]) {
      expect(outcome.kind).toBe('pass')
      expect(JSON.stringify(payload)).not.toContain(mail)
      expect(JSON.stringify(payload)).toContain('[redacted email]')
    }
    expect(filled.payload.content).toEqual({
      mail: '[redacted email]',
      list: ['[redacted email]'],
    })
  })

  it('covers every place of a tool result', async () => {
    await using harness = await filter()
    const mail = 'ann@example.com'
    const result = {
      content: [
        { type: 'text', text: mail, annotations: { note: mail }, _meta: { from: mail } },
        { type: 'resource', resource: { uri: `crm:${mail}`, text: mail, mimeType: 'text/plain' } },
        { type: 'image', data: 'YW5uQGV4YW1wbGUuY29t', mimeType: 'image/png' },
      ],
      structuredContent: { people: [{ [mail]: { mail, card: 4111111111111111, age: 41 } }] },
      _meta: { to: mail },
    }
    const { payload } = await harness.dispatch('tool_post_invoke', { ...RESULT, result })
    expect(JSON.stringify(payload)).not.toContain(mail)
    expect(payload.result?.content[2]).toEqual(result.content[2])
    expect(payload.result?.structuredContent).toEqual({
      people: [
        {
          '[redacted email]': { mail: '[redacted email]', card: '[redacted credit_card]', age: 41 },
        },
      ],
    })
    const error = { code: -32000, message: `no such user ${mail}`, data: { mail } }
    const failed = await harness.dispatch('tool_post_invoke', { ...RESULT, error })
    expect(failed.payload.error).toEqual({
      code: -32000,
      message: 'no such user [redacted email]',
      data: { mail: '[redacted email]' },
    })
  })

  it('covers prompts, resources, arguments, lists and notifications', async () => {
    await using harness = await filter()
    const mail = 'ann@example.com'
    const messages = [{ role: 'user' as const, content: [{ type: 'text', text: mail }] }]
    const prompt = await harness.dispatch('prompt_post_fetch', {
      ...RESULT,
      result: { messages, description: mail },
    })
    const contents = [{ uri: 'crm:1', text: mail }]
    const resource = await harness.dispatch('resource_post_fetch', {
      server: 'crm',
      uri: 'crm:1',
      exposedName: 'x',
      result: { contents },
    })
    const call = await harness.dispatch('tool_pre_invoke', {
      ...RESULT,
      arguments: { to: [mail] },
      headers: {},
    })
    const items = [
      { server: 'crm', item: { name: 'find', description: `ask ${mail}`, inputSchema: {} } },
    ]
    const list = await harness.dispatch('tool_post_list', { items })
    const params = { message: mail }
    const notification = await harness.dispatch('notification_pre_forward', {
      method: 'notifications/message',
      direction: 'server_to_client',
      params,
    })
    for (const { outcome } of [prompt, resource, call, list, notification]) {
      expect(outcome.kind).toBe('pass')
      expect(JSON.stringify(outcome.payload)).toContain('[redacted email]')
      expect(JSON.stringify(outcome.payload)).not.toContain(mail)
    }
  })

  it('refuses a result that holds something where nothing can be written', async () => {
    await using harness = await filter()
    const contents = [{ uri: 'crm:1', text: 'fine' }]
    const target = { server: 'crm', uri: 'crm:1', exposedName: 'x' }
    const hidden = { contents, author: 'ann@example.com' }
    const refused = await harness.dispatch('resource_post_fetch', { ...target, result: hidden })
    expect(refused.outcome).toMatchObject({ kind: 'deny', violation: { code: 'PII_UNREACHABLE' } })
    const harmless = { contents, author: 'Ann' }
    const passed = await harness.dispatch('resource_post_fetch', { ...target, result: harmless })
    expect(passed.outcome.kind).toBe('pass')
  })

  it('makes no copy of a payload that holds nothing', async () => {
    await using harness = await filter()
    const result = { content: [{ type: 'text', text: 'nothing here' }] }
    const { outcome } = await harness.dispatch('tool_post_invoke', { ...RESULT, result })
    expect(outcome.changed).toBe(false)
    expect(outcome.payload.result).toBe(result)
  })

  it('says which setting is wrong', async () => {
    await expect(filter({ actions: { phonee: 'mask' } })).rejects.toThrow(
      '"phonee" is not looked for',
    )
    await expect(filter({ custom: [{ name: 'x', pattern: '(a' }] })).rejects.toThrow(
      'custom[0].pattern',
    )
  })
})

interface Case {
  readonly recognizer: string
  readonly text: string
  readonly expected: number
  readonly positions: readonly (readonly [number, number])[] | null
}

const corpus = <T>(name: string): T[] =>
  readFileSync(join(plugin, '../../test/fixtures/pii', name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)

// where we differ on purpose: loopback and "any" are nobody's; zones and prefix lengths are not part of an address; five
// numbers with dots are a version; a number after +91 is a telephone number whether or not India uses it
const DIFFERENT = [
  'my ip: ::1', 'src=:: dst=::1', 'localhost 127.0.0.1', 'Unspecified ::', '::/0', 'fe80::1%eth0', '192.168.1.1.1', 'text::ffff:192.0.2.1',
  'My US number is (415) 555-0132, and my international one is +91 4155 550132',
] // biome-ignore format: a table reads better in rows

describe('the finders', () => {
  const byRecognizer: Readonly<Record<string, Find>> = {
    credit_card: findCards,
    email: findEmails,
    ip: findAddresses,
    phone: findPhones,
    us_ssn: findSsns,
    us_itin: findSsns,
  }

  it.each(
    corpus<Case>('presidio-recognizers.jsonl').filter(({ text }) => !DIFFERENT.includes(text)),
  )('agree with Presidio on $recognizer in $text', ({ recognizer, text, expected, positions }) => {
    const spans = settleSpans(byRecognizer[recognizer]?.(text) ?? [])
    expect(spans).toHaveLength(expected)
    // Presidio counts the length of a prefix to the address
    const places = (positions ?? []).map(([start, end]) => [
      start,
      text.slice(start, end).replace(/\/\d+$/, '').length + start,
    ])
    if (places.length > 0) expect(spans.map(({ start, end }) => [start, end])).toEqual(places)
  })

  it('find all cards, IBANs, addresses and numbers of made-up letters, half of the telephone numbers, and nothing else', () => {
    const kinds: Readonly<Record<string, string>> = {
      PHONE_NUMBER: 'phone', EMAIL_ADDRESS: 'email', CREDIT_CARD: 'credit_card', IBAN_CODE: 'iban', US_SSN: 'ssn', IP_ADDRESS: 'ip',
    } // biome-ignore format: a table reads better in rows
    const found: Record<string, number> = {}
    const missed: Record<string, number> = {}
    const extra: string[] = []
    for (const { text, spans } of corpus<{
      text: string
      spans: [string, number, number, string][]
    }>('presidio-research.jsonl')) {
      const ours = settleSpans(ALL.flatMap((find) => find(text)))
      for (const [type, start, end] of spans) {
        const kind = kinds[type]
        if (kind === undefined) continue
        const hit = ours.some(
          (span) => span.kind === kind && span.start <= start && span.end >= end,
        )
        const tally = hit ? found : missed
        tally[kind] = (tally[kind] ?? 0) + 1
      }
      for (const { start, end } of ours)
        if (!spans.some(([type, from, to]) => kinds[type] && from < end && to > start))
          extra.push(text.slice(start, end))
    }
    // a local number without a leading zero, such as 467 3395, looks like any other number
    expect({ found, missed, extra }).toEqual({
      found: { credit_card: 23, ssn: 4, email: 8, phone: 8, iban: 4, ip: 1 },
      missed: { phone: 7 },
      extra: [],
    })
  })

  it.each([
    ['AKIAIOSFODNN7EXAMPLE', 'AKIAIOSFODNN7EXAMPLE'],
    [`key: ghp_${'a1B2'.repeat(9)}`, `ghp_${'a1B2'.repeat(9)}`],
    ['password = "correct-horse-battery"', 'correct-horse-battery'],
    ['postgres://app:s3cr3t-word@db/x', 's3cr3t-word'],
    [`Authorization: Bearer ${'abcd1234'.repeat(4)}`, 'abcd1234'.repeat(4)],
    [
      `${'eyJhbGciOi'}JIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWJ5dGVz`,
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLWJ5dGVz',
    ],
    [
      '-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----',
      '-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----',
    ],
    ['-----BEGIN PRIVATE KEY-----\ncut off', '-----BEGIN PRIVATE KEY-----\ncut off'],
  ])('find the secret in %s', (text, secret) => {
    expect(
      settleSpans(findSecrets(text)).map(({ start, end }) => text.slice(start, end)),
    ).toContain(secret)
  })

  it.each([
    `token: $\{TOKEN}`,
    'the password is required',
    'api_key=<your key>',
    'token count: 1234',
    'secrets: none',
  ])('find no secret in %s', (text) => {
    expect(findSecrets(text)).toEqual([])
  })

  it('take less than half a second for 64 kB of any text that was made to be slow', () => {
    const seeds = [
      'a', '@', 'a@', 'a.', 'a@a.', '1', '1 ', '4111 ', '1-', '+1', '+1 (', '0', '01 23 ', 'GB12', 'GB82WEST', ':', 'ab:', 'eyJ',
      'eyJaaaaaaaaa.', 'eyJaaaaaaaaaa.eyJaaaaaaaa ', '-----BEGIN PRIVATE KEY-----', 'token', 'api_', 'token:', 'bearer ', '://a:', 'sk-',
      'sk-a', '-', ' ', '\n', '1.', 'f', 'ghp_a', '(415) ', '555-', 'é', `a@${'a'.repeat(62)}.`, 'ops_eyJ',
    ] // biome-ignore format: a table reads better in rows
    for (const seed of seeds) {
      const text = seed.repeat(Math.ceil(65_536 / seed.length))
      for (const [name, find] of Object.entries(FINDERS)) {
        const started = performance.now()
        find(text)
        expect(performance.now() - started, `${name} on ${seed}`).toBeLessThan(500)
      }
    }
  })
})

describe('check digits', () => {
  it('Luhn notices every single wrong digit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 1, max: 9 }), (place, by) => {
        const digits = '4111111111111111'
        const wrong = (Number(digits[place]) + by) % 10
        expect(passesLuhn(digits)).toBe(true)
        expect(passesLuhn(digits.slice(0, place) + wrong + digits.slice(place + 1))).toBe(false)
      }),
    )
  })

  it('mod 97 is 1 for the registered examples', () => {
    for (const iban of [
      'GB82WEST12345698765432',
      'DE89370400440532013000',
      'FR1420041010050500013M02606',
      'NO9386011117947',
    ])
      expect(mod97(iban)).toBe(1)
  })
})

describe('spans', () => {
  it('never overlap and lose nothing that was found', () => {
    const span = fc
      .tuple(fc.nat(40), fc.integer({ min: 1, max: 10 }))
      .map(([start, length]) => ({ kind: 'x', start, end: start + length }))
    fc.assert(
      fc.property(fc.array(span, { maxLength: 12 }), (spans) => {
        const settled = settleSpans(spans)
        settled.forEach((one, index) => {
          expect(one.start).toBeGreaterThanOrEqual(settled[index - 1]?.end ?? 0)
        })
        const covers = (list: typeof spans, at: number) =>
          list.some(({ start, end }) => start <= at && at < end)
        for (let at = 0; at < 52; at++) expect(covers(settled, at)).toBe(covers(spans, at))
      }),
    )
  })
})
