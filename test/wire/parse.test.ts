// Names with escapes are what they say, whatever was read before them; values are those of JSON.parse.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readMessage } from '../../src/wire/message.ts'
import { parseEscapedNames } from '../../src/wire/parse.ts'

const argumentsOf = (text: string): object => {
  const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"n","arguments":${text}}}`
  return readMessage(Buffer.from(body)).params?.arguments as object
}

describe('an argument whose name is written with an escape', () => {
  // what was read before, in the same shape, and what comes now (nodejs/node#63785)
  it.each([
    [String.raw`{"p":1,"na\\u":4}`, String.raw`{"p":1,"na\u006de":4}`, 'name'],
    [String.raw`{"p":1,"A\\":4}`, String.raw`{"p":1,"A\"":4}`, 'A"'],
    [String.raw`{"p":1,"\\":4}`, String.raw`{"p":1,"\n":4}`, '\n'],
    [String.raw`{"p":"→","\\u00":4}`, String.raw`{"p":"→","\u002fetc":4}`, '/etc'],
  ])('after %s, in %s, is read as what it says', (before, now, name) => {
    for (let turn = 0; turn < 3; turn++) argumentsOf(before)
    expect(Object.keys(argumentsOf(now))).toEqual(['p', name])
    const large = now.replace('}', `,"z":"${'x'.repeat(5000)}"}`)
    argumentsOf(before.replace('}', `,"z":"${'x'.repeat(5000)}"}`))
    expect(Object.keys(argumentsOf(large))).toEqual(['p', name, 'z'])
  })

  it('is read so in a member of the envelope, too', () => {
    const body = (name: string) =>
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{},"${name}":"n"}}`
    for (let turn = 0; turn < 3; turn++) readMessage(Buffer.from(body(String.raw`na\\u`)))
    expect(readMessage(Buffer.from(body(String.raw`na\u006de`))).params).toEqual({
      _meta: {},
      name: 'n',
    })
  })
})

it('any JSON reads as the value it was written from', () => {
  const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '"', '\\', ''))
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(null, true, false, '', '\ud800'),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.string({ unit: 'binary' }),
      fc.array(tie('value'), { maxLength: 4 }),
      fc
        .array(fc.tuple(name, tie('value')), { maxLength: 4 })
        .map((members) => Object.fromEntries(members)),
    ),
  }))
  fc.assert(
    fc.property(value, fc.constantFrom(undefined, 1, '\t'), (written, space) => {
      const text = JSON.stringify(written, null, space)
      expect(JSON.stringify(parseEscapedNames(text, Number), null, space)).toBe(text)
    }),
    { numRuns: 200 },
  )
})

it('an integer beyond 2^53 beside such a name keeps its digits', () => {
  const text = String.raw`{"\u0061":[9007199254740993,1e400,-0.5,12],"b":true}`
  expect(JSON.stringify(argumentsOf(text))).toBe('{"a":[9007199254740993,1e400,-0.5,12],"b":true}')
})
