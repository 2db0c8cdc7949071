// What the scan refuses and where it says the parts of a message lie.
import { expect, test } from 'vitest'
import { type AppError, isAppError } from '../../src/base/errors.ts'
import { foldName } from '../../src/wire/members.ts'
import { type Scan, scan } from '../../src/wire/scan.ts'

const limits = { depth: 8 }

function scanText(text: string): Scan {
  return scan(Buffer.from(text), limits)
}

function refusal(bytes: string | Uint8Array): AppError {
  try {
    scan(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, limits)
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
  throw new Error('it passed')
}

function call(params: string): string {
  return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`
}

test('it finds the values of the envelope, of params and of _meta', () => {
  const text = ` {"id" : 7 , "params":{"name":"a","_meta":{"progressToken":"t"}},"method":"m"}\n`
  const found = scanText(text)
  const at = (span: { start: number; end: number } | undefined) =>
    span && text.slice(span.start, span.end)
  expect([...found.members.keys()]).toEqual(['id', 'params', 'method'])
  expect(at(found.members.get('id'))).toBe('7')
  expect(at(found.inner.get('name'))).toBe('"a"')
  expect(at(found.inner.get('_meta'))).toBe('{"progressToken":"t"}')
  expect(at(found.meta.get('progressToken'))).toBe('"t"')
})

test('inner members are those of result or error in a response', () => {
  const result = scanText('{"result":{"content":[],"_meta":{"a":1}},"id":1}')
  expect([...result.inner.keys()]).toEqual(['content', '_meta'])
  expect([...result.meta.keys()]).toEqual(['a'])
  const error = scanText('{"error":{"code":1,"message":"x","_meta":{"a":1}},"id":1}')
  expect([...error.inner.keys()]).toEqual(['code', 'message', '_meta'])
  expect(error.meta.size).toBe(0)
})

test('params within arguments are no params', () => {
  const found = scanText(call('{"arguments":{"params":{"name":"b"},"_meta":{"x":1}}}'))
  expect([...found.inner.keys()]).toEqual(['arguments'])
  expect(found.meta.size).toBe(0)
})

test('a top-level array is a batch', () => {
  expect(scanText('[{"id":1}]').batch).toBe(true)
  expect(scanText('{"id":1}').batch).toBe(false)
})

test.each([
  ['{"a":1,"a":2}', 7],
  ['{"a":1,"\\u0061":2}', 7],
  ['{"\\u0061":1,"a":2}', 12],
  ['[{"b":{"":1,"":2}}]', 12],
  [call('{"arguments":{"x":[{"deep":1,"deep":1}]}}'), 84],
  ['{"é":1,"\\u00e9":2}', 8],
  ['{"😀":1,"\\ud83d\\ude00":2}', 10],
  ['{"__proto__":1,"__proto__":2}', 15],
])('duplicate members are refused: %s', (text, offset) => {
  const error = refusal(text)
  expect(error.code).toBe('WIRE_DUPLICATE_MEMBER')
  expect(error.message).toContain(`at byte ${offset}`)
})

test('a duplicate among many members is refused, wherever it stands', () => {
  for (const count of [12, 13, 14, 30, 1000]) {
    for (const twin of [0, 11, 12, count - 1]) {
      if (twin >= count) continue
      const names = Array.from({ length: count }, (_, index) => `"k${index}":0`)
      expect(scanText(`[{${names.join(',')}}]`).batch).toBe(true)
      expect(refusal(`[{${names.join(',')},"k${twin}":1}]`).code).toBe('WIRE_DUPLICATE_MEMBER')
      const escaped = `"\\u006b${twin}":1`
      expect(refusal(`[{${names.join(',')},${escaped}}]`).code).toBe('WIRE_DUPLICATE_MEMBER')
    }
  }
})

test('names made to share one hash are told apart, and take no longer for it', () => {
  // "Aa" and "BB" have the same hash, and so has every string of such pairs
  let names = ['']
  for (let round = 0; round < 12; round++)
    names = names.flatMap((name) => [`${name}Aa`, `${name}BB`])
  expect(names).toHaveLength(4096)
  const members = names.map((name) => `"${name}":0`).join(',')
  const started = performance.now()
  expect(scanText(`[{${members}}]`).batch).toBe(true)
  expect(performance.now() - started).toBeLessThan(1000)
  expect(refusal(`[{${members},"${names[77]}":0}]`).code).toBe('WIRE_DUPLICATE_MEMBER')
})

test('the same name in different objects is no duplicate', () => {
  const text = '[{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]},{"a":1}]'
  expect(scanText(text).batch).toBe(true)
})

test.each([
  ['{"jsonrpc":"2.0","Method":"x"}', 'Method'],
  ['{"ID":1}', 'ID'],
  ['{"param\u017f":{}}', 'param\u017f'],
  ['{"\\u0049d":1}', '\\u0049d'],
  ['{"x":1,"X":2}', 'X'],
  [call('{"NAME":"x"}'), 'params.NAME'],
  [call('{"name":"a","Name":"b"}'), 'params.Name'],
  [call('{"argument\u017f":{}}'), 'params.argument\u017f'],
  [call('{"to\u212aen":1,"token":1}'), 'params.token'],
  [call('{"straße":1,"STRASSE":1}'), 'params.STRASSE'],
  [call('{"_META":{}}'), 'params._META'],
  [call('{"_meta":{"progresstoken":1}}'), 'params._meta.progresstoken'],
  ['{"result":{"IsError":true},"id":1}', 'result.IsError'],
  ['{"error":{"Code":1},"id":1}', 'error.Code'],
])('case variants are refused where readers look for members: %s', (text, path) => {
  const error = refusal(text)
  expect(error.code).toBe('WIRE_CASE_VARIANT')
  expect(error.message.endsWith(` in ${path}`)).toBe(true)
})

test('case variants inside arguments are data', () => {
  const found = scanText(call('{"arguments":{"name":1,"Name":2,"NAME":3}}'))
  expect([...found.inner.keys()]).toEqual(['arguments'])
})

test('a known name with an escape in it is still that name', () => {
  const found = scanText(call('{"n\\u0061me":"x"}'))
  expect([...found.inner.keys()]).toEqual(['name'])
})

test('names fold as Unicode simple case folding does, for every letter', () => {
  const letters: string[] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    const letter = String.fromCodePoint(code)
    if (/\p{Changes_When_Casemapped}|\p{Changes_When_Casefolded}/u.test(letter))
      letters.push(letter)
  }
  expect(letters.length).toBeGreaterThan(2800)
  const all = letters.join('')
  for (const letter of letters) {
    // a regular expression with the flags i and u folds simply (ECMA-262, Canonicalize)
    for (const [twin] of all.matchAll(new RegExp(letter, 'giu')))
      expect(foldName(twin), `${letter} and ${twin}`).toBe(foldName(letter))
  }
})

test.each([
  ['{"a\\u0000":1}', 'a NUL'],
  ['{"\\ud800":1}', 'half a surrogate pair'],
  ['[{"x":{"\\udc00\\ud800":1}}]', 'two halves in the wrong order'],
  ['{"\\x61":1}', 'an escape that is none'],
])('a member name that readers do not read alike is refused: %s', (text) => {
  expect(refusal(text).code).toBe('WIRE_PARSE')
})

test('half a surrogate pair in a value is data', () => {
  expect(scanText('{"x":"\\ud800"}').members.size).toBe(1)
})

test.each([
  [Buffer.from([0x22, 0xff, 0x22])],
  [Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  [Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  [Buffer.from('{"a":1}', 'utf16le')],
])('invalid UTF-8 is refused', (bytes) => {
  expect(refusal(bytes).code).toBe('WIRE_PARSE')
})

test('a byte order mark is refused by name', () => {
  expect(refusal('\ufeff{}').message).toBe('the message begins with a byte order mark, at byte 0')
})

test.each(['', ' ', '{', '[', '{"a', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '[1,]', '[1 2]', '{"a" 1}',
  '{a:1}', "{'a':1}", '}', ']', '{]', '[}', '{} {}', '{},', '"', '"\\"', '{"a":1}}', '[[1]', '{"a\\', '{,}', '[,1]', '1 1',
])('broken structure is refused: %s', (text) => {
  expect(refusal(text).code).toBe('WIRE_PARSE')
}) // biome-ignore format: a table reads better in rows

test('nesting is limited before anything is built', () => {
  expect(scanText('[[[[[[[[]]]]]]]]').batch).toBe(true)
  expect(refusal('[[[[[[[[[]]]]]]]]]').code).toBe('WIRE_TOO_DEEP')
  expect(refusal('[[[[[[[[{}]]]]]]]]').code).toBe('WIRE_TOO_DEEP')
  expect(refusal('['.repeat(1_000_000)).code).toBe('WIRE_TOO_DEEP')
})

test.each([
  ['9007199254740991', false],
  ['-9007199254740991', false],
  ['9007199254740992', true],
  ['-9007199254740993', true],
  ['123456789012345678901234567890', true],
  ['1e400', true],
  ['-1E+999', true],
  ['1e308', false],
  ['0.1234567890123456789', false],
  [`1${'0'.repeat(400)}.5`, true],
  ['"9007199254740993"', false],
])('numbers that JavaScript cannot hold are noticed anywhere: %s', (number, unsafe) => {
  expect(scanText(call(`{"arguments":{"x":[{"y":${number}}]}}`)).unsafeNumber).toBe(unsafe)
})

test('an error tells the path, bounded, and never a value', () => {
  const error = refusal(
    call(`{"arguments":{"${'n'.repeat(500)}":{"secret":"hunter2","secret":1}}}`),
  )
  expect(error.message).toContain(`params.arguments.${'n'.repeat(64)}.secret`)
  expect(error.message).not.toContain('hunter2')
  expect(error.message.length).toBeLessThan(200)
})

test('strings end where JSON says, however many backslashes and however long', () => {
  for (const filler of ['', 'x'.repeat(47), 'x'.repeat(48), 'x'.repeat(49), 'x'.repeat(500)]) {
    for (let slashes = 0; slashes < 6; slashes++) {
      const value = `${filler}${'\\'.repeat(slashes)}"${filler}`
      const text = JSON.stringify({ id: value, method: 1 })
      const span = scanText(text).members.get('id')
      expect(JSON.parse(text.slice(span?.start, span?.end))).toBe(value)
    }
  }
})
