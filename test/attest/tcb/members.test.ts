// Finding the members of a JSON object in its bytes: exactly the bytes that were received, or a refusal.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { membersOf } from '../../../src/attest/tcb/members.ts'

function read(text: string): Record<string, string> | string {
  try {
    const members = membersOf(Buffer.from(text), 'doc')
    return Object.fromEntries([...members].map(([name, bytes]) => [name, String(bytes)]))
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}: ${error.detail}`
  }
}

describe('the members of an object', () => {
  it('are their bytes as they stand, without the space around them', () => {
    expect(read(' {"tcbInfo" : { "a":[1, "}\\"{" ] } ,\n"signature":"00ff"}\r\n')).toEqual({
      tcbInfo: '{ "a":[1, "}\\"{" ] }',
      signature: '"00ff"',
    })
    expect(read('{"a":-1.5e+3,"b":true,"c":null,"d":"é"}')).toEqual({
      a: '-1.5e+3',
      b: 'true',
      c: 'null',
      d: '"é"',
    })
    expect(read('{}')).toEqual({})
  })

  it('of any JSON object are what JSON.parse finds', () => {
    const object = fc.dictionary(fc.stringMatching(/^[a-zA-Z]{1,8}$/), fc.jsonValue(), {
      maxKeys: 8,
    })
    fc.assert(
      fc.property(object, fc.nat(3), (value, indent) => {
        const found = membersOf(Buffer.from(JSON.stringify(value, null, indent)), 'doc')
        const parsed = [...found].map(([name, bytes]) => [name, JSON.parse(String(bytes))])
        expect(parsed).toEqual(Object.entries(JSON.parse(JSON.stringify(value))))
      }),
    )
  })

  it.each([
    ['nothing', '', 'no JSON object'],
    ['a list', '[1]', 'no JSON object'],
    ['a name twice', '{"a":1,"a":2}', 'a name twice'],
    ['a name with an escape', '{"\\u0061":1}', 'a name with an escape, or not of ASCII'],
    ['a name beyond ASCII', '{"é":1}', 'a name with an escape, or not of ASCII'],
    ['no comma', '{"a":1 "b":2}', 'no JSON object'],
    ['a comma at the end', '{"a":1,}', 'no JSON object'],
    ['no colon', '{"a" 1}', 'no JSON object'],
    ['no value', '{"a":}', 'brackets that do not match'],
    ['brackets of two kinds', '{"a":[1}}', 'brackets that do not match'],
    ['no end', '{"a":[1', 'ends early'],
    ['a text without end', '{"a":"x', 'a text that does not end'],
    ['a text that ends in an escape', '{"a":"x\\', 'a text that does not end'],
    ['a line break in a text', '{"a":"x\n"}', 'a control character in a text'],
    ['more behind it', '{"a":1}{}', 'more than belongs to it'],
    ['a mark of the byte order', '\ufeff{"a":1}', 'no JSON object'],
    ['a value of another kind', '{"a":;}', 'no JSON value'],
    ['too many', `{${[...Array(17).keys()].map((n) => `"m${n}":1`).join()}}`, 'too many members'],
    ['too deep', `{"a":${'['.repeat(33)}${']'.repeat(33)}}`, 'too deep'],
  ])('%s is refused', (_, text, why) => {
    expect(read(text)).toBe(`evidence.collateral_invalid: doc: ${why}`)
  }) // biome-ignore format: a table reads better in rows
})
