// A batch is cut where JSON says, and nothing in it is written again.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { elementsOf, joinBatch } from '../../src/wire/batch.ts'
import { scan } from '../../src/wire/scan.ts'

const cut = (text: string, max = 100) =>
  elementsOf(Buffer.from(text), max)?.map((each) => each.toString().trim())

test.each([
  ['[]', []],
  [' [ ] ', []],
  ['[1]', ['1']],
  ['\n[ {"a":[1,2]} , "x,]" ,[[],{}]]\n', ['{"a":[1,2]}', '"x,]"', '[[],{}]']],
  ['["\\"],[","\\\\",{"}":"{"}]', ['"\\"],["', '"\\\\"', '{"}":"{"}']],
])('%j', (text, elements) => {
  expect(cut(text)).toEqual(elements)
})

test('more elements than may be are not cut', () => {
  expect(cut('[1,2]', 2)).toEqual(['1', '2'])
  expect(cut('[1,2,3]', 2)).toBeUndefined()
})

test('the elements of every array are its own, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(fc.json()), fc.constantFrom('', ' ', '\n\t'), (elements, space) => {
      const text = `${space}[${elements.map((each) => space + each + space).join(',')}]${space}`
      const bytes = Buffer.from(text)
      try {
        scan(bytes, { depth: 1000 })
      } catch {
        return // names twice are refused before anything is cut
      }
      const found = elementsOf(bytes, 1000) ?? []
      expect(found.map((each) => each.toString().trim())).toEqual(
        elements.map((each) => each.trim()),
      )
      expect(found.every((each) => each.buffer === bytes.buffer)).toBe(true)
    }),
  )
})

test('joined again they are one array', () => {
  const parts = [Buffer.from('{"a":1}'), Buffer.from('2')]
  expect(joinBatch(parts).toString()).toBe('[{"a":1},2]')
  expect(joinBatch([]).toString()).toBe('[]')
})
