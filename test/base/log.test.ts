// Redaction: nothing secret and no payload body survives, whatever holds it and however large it is.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isSecretMember, REDACTED, redact, redactText, silentLogger } from '../../src/base/log.ts'

const SECRET = 'hunter2-f3b1'
const NAMES = [
  'authorization', 'Authorization', 'X-Api-Key', 'api_key', 'apiKey', 'client_secret', 'refresh-token', 'Set-Cookie',
  'privateKey', 'Mcp-Session-Id', 'request_state', 'x-auth-token', 'passphrase',
] // biome-ignore format: a table reads better in rows
const BODIES = ['arguments', 'content', 'structuredContent', 'params', 'result', 'messages', 'body']

describe('redact', () => {
  it('hides every secret member and every body wherever it stands', () => {
    const leaf = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom(...NAMES, ...BODIES).map((name) => ({ [name]: SECRET })),
      fc.constantFrom(...NAMES, ...BODIES).map((name) => ({ [name]: { deep: [SECRET] } })),
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        leaf,
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4 }),
        tie('tree').map((cause) => new Error('failed', { cause })),
      ),
    }))
    fc.assert(
      fc.property(tree, (value) => {
        expect(JSON.stringify(redact(value)) ?? '').not.toContain(SECRET)
      }),
      { numRuns: 500 },
    )
  })

  it('says nothing of a member that is not there', () => {
    expect(Object.keys(redact({ arguments: undefined, token: undefined, a: 1 }) as object)).toEqual(
      ['a'],
    )
  })

  it('says what it left out', () => {
    expect(redact({ user: 'ann', 'X-Api-Key': SECRET, params: { a: 1 } })).toEqual({
      user: 'ann',
      'X-Api-Key': REDACTED,
      params: '[body]',
    })
  })

  it('keeps name, message, code and cause of an error, without its stack', () => {
    const error = Object.assign(new TypeError('Bearer abcdef123', { cause: new Error('inner') }), {
      code: 'E_X',
    })
    expect(redact({ error })).toEqual({
      error: {
        name: 'TypeError',
        message: `Bearer ${REDACTED}`,
        code: 'E_X',
        cause: { name: 'Error', message: 'inner' },
      },
    })
  })

  it('does not change what it is given', () => {
    const value = { password: SECRET, list: [{ token: SECRET }] }
    redact(value)
    expect(value).toEqual({ password: SECRET, list: [{ token: SECRET }] })
  })

  it('hides bytes, and shows dates, URLs, big integers and what is no object', () => {
    expect(
      redact([
        Buffer.from(SECRET),
        new Uint8Array(3).buffer,
        new Date(0),
        new URL('https://u:p@h/'),
        12n,
        1,
        null,
        undefined,
      ]),
    ).toEqual([
      '[bytes]',
      '[bytes]',
      '1970-01-01T00:00:00.000Z',
      `https://u:${REDACTED}@h/`,
      '12',
      1,
      null,
      undefined,
    ])
  })

  it('ends at a depth, also in a value that holds itself', () => {
    const value: Record<string, unknown> = {}
    value.self = value
    expect(JSON.stringify(redact(value))).toBe(
      '{"self":{"self":{"self":{"self":{"self":{"self":{"self":"[deep]"}}}}}}}',
    )
  })

  it('takes a hundred members of each object and list', () => {
    const wide = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`m${index}`, 1]))
    expect(Object.keys(redact(wide) as object)).toHaveLength(100)
    expect(redact(Array.from({ length: 500 }))).toHaveLength(100)
  })

  it('takes a bounded number of values of a graph that repeats itself', () => {
    let graph: unknown[] = []
    for (let depth = 0; depth < 6; depth++) graph = Array.from({ length: 100 }, () => graph)
    const text = JSON.stringify(redact(graph))
    expect(text.length).toBeLessThan(2_000_000)
    expect(text).toContain('[deep]')
  })

  it('keeps a member called __proto__ from becoming a prototype', () => {
    const copy = redact(JSON.parse('{"__proto__":{"admin":true}}')) as { admin?: boolean }
    expect(copy.admin).toBeUndefined()
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"admin":true}}')
  })
})

describe('redactText', () => {
  it.each([
    ['Authorization: Bearer abc.def-ghi', `Authorization: Bearer ${REDACTED}`],
    ['basic dXNlcjpwYXNz failed', `basic ${REDACTED} failed`],
    ['GET https://h/p?token=abc&x=1', `GET https://h/p?token=${REDACTED}&x=1`],
    ['https://h/?x=1&api_key=abc', `https://h/?x=1&api_key=${REDACTED}`],
    ['postgres://user:pa:ss@db:5432/x', `postgres://user:${REDACTED}@db:5432/x`],
    ['https://ghp_0123456789@host/repo', `https://${REDACTED}@host/repo`],
    ['jwt eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln end', `jwt ${REDACTED} end`],
    ['http://127.0.0.1:8080/mcp@v1', 'http://127.0.0.1:8080/mcp@v1'],
    ['the bearer of this', 'the bearer of this'],
  ])('turns %j into %j', (text, harmless) => {
    expect(redactText(text)).toBe(harmless)
  })

  it('cuts at 2,000 characters and says so', () => {
    expect(redactText('a'.repeat(2000))).toBe('a'.repeat(2000))
    expect(redactText('a'.repeat(2001))).toBe(`${'a'.repeat(2000)}…`)
  })

  it('hides a password that the cut would have parted from its @', () => {
    const text = `${'a'.repeat(1970)} https://user:${SECRET.repeat(9)}@host/`
    expect(redactText(text)).toBe(`${'a'.repeat(1970)} https://user:${REDACTED}@`)
  })

  it.each(['://a:', 'bearer ', '?key=', 'eyJaaaaaaaaa.', '://', 'x'.repeat(1900)])(
    'takes no more than 50 ms for 2,000 characters of %j',
    (piece) => {
      const start = performance.now()
      redactText(piece.repeat(2000))
      expect(performance.now() - start).toBeLessThan(50)
    },
  )
})

describe('secret members', () => {
  it('are known without regard to case, dashes and underscores', () => {
    expect(NAMES.every(isSecretMember)).toBe(true)
    expect(['progressToken', 'key', 'name', 'tokens'].some(isSecretMember)).toBe(false)
  })
})

describe('the silent logger', () => {
  it('takes everything, also as a child', () => {
    const child = silentLogger.child({ a: 1 })
    for (const level of ['debug', 'info', 'warn', 'error'] as const)
      expect(child[level]({}, 'text')).toBeUndefined()
  })
})
