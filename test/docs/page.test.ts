// The reader of documentation pages: a page that shows something else than what happens must not pass.
import { expect, test } from 'vitest'
import { anchorsOf, fencesOf, isShown, linksOf, stepsOf } from './page.ts'

test('a fence has its language, flags, values and place', () => {
  const [fence] = fencesOf('text\n\n```ts run file=a/b.ts until="is up"\nawait 1\n```\n')
  expect(fence).toEqual({
    line: 4,
    language: 'ts',
    flags: new Set(['run']),
    values: { file: 'a/b.ts', until: 'is up' },
    text: 'await 1\n',
  })
})

test('a fence in a list loses the indent of the list only', () => {
  expect(fencesOf('1. so:\n\n   ```yaml\n   a:\n     b: 1\n   ```\n')[0]?.text).toBe('a:\n  b: 1\n')
})

test('a fence without an end is told', () => {
  expect(() => fencesOf('```sh\nnpm start\n')).toThrow('line 1')
})

test('each command of a console is followed by its own output', () => {
  const [fence] = fencesOf('```console\n$ one\na\nb\n$ two \\\n    more\nc\n```\n')
  expect(fence && stepsOf(fence)).toEqual([
    { command: 'one', shown: 'a\nb\n' },
    { command: 'two more', shown: 'c\n' },
  ])
})

test.each([
  ['a\nb', 'a\nb\n', true],
  ['a\nb', 'a\nc', false],
  ['a', 'a\nb', false],
  ['a\n...\nd', 'a\nb\nc\nd', true],
  ['a\n...\nd', 'a\nb\nc', false],
  ['a.c', 'abc', false],
  ['...', 'anything\nat all', true],
])('%j is what %j is shown as: %s', (shown, output, expected) => {
  expect(isShown(shown, output)).toBe(expected)
})

test('links are found in text and pictures, not in code', () => {
  const page = '[a](b.md#c) `[x](y)`\n\n```text\n[no](no)\n```\n<img src="p.svg">\n'
  expect(linksOf(page)).toEqual(['b.md#c', 'p.svg'])
})

test('headings have the anchors that code hosts give them', () => {
  expect(anchorsOf('# Two words\n\n## For what: conditions and `when`\n')).toEqual([
    'two-words',
    'for-what-conditions-and-when',
  ])
})
