// Lines of stderr: cut, decoded, and bounded in rate.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createStderrLines } from '../../src/upstream/stdio/stderr.ts'

function setUp() {
  const lines: string[] = []
  let now = 0
  const clock = { now: () => now, wall: () => now, after: () => () => {} }
  const reader = createStderrLines(clock, (line) => lines.push(line))
  return { lines, reader, wait: (ms: number) => (now += ms) }
}

it('lines arrive whole however the chunks are cut, characters of several bytes too', () => {
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-zé€😀]{1,20}$/u)),
      fc.integer({ min: 1, max: 9 }),
      (texts, size) => {
        const { lines, reader } = setUp()
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''))
        for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
        reader.end()
        expect(lines).toEqual(texts)
      },
    ),
  )
})

it('a line above 4,096 characters is cut and its rest dropped, the next one is whole', () => {
  const { lines, reader } = setUp()
  for (const part of ['x'.repeat(5000), 'y'.repeat(5000), 'z\nnext\nlast'])
    reader.push(Buffer.from(part))
  reader.end()
  expect(lines).toEqual(['x'.repeat(4096), 'next', 'last'])
})

it('above 200 lines a second the rest is counted and told in the next second', () => {
  const { lines, reader, wait } = setUp()
  reader.push(Buffer.from('a\n'.repeat(1000)))
  expect(lines).toHaveLength(200)
  wait(1000)
  reader.push(Buffer.from('b\n'))
  expect(lines.slice(200)).toEqual(['(800 lines dropped)', 'b'])
})
