// Verification of chains in files: no edit goes unnoticed, nothing untouched is accused, and what is found is named with its place.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, link } from '../../src/base/chain.ts'
import { chainOf, headOf, PUBLIC, verdictOf } from './chains.ts'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'verify-'))
  path = join(folder, 'audit.jsonl')
})
afterAll(() => rmSync(folder, { recursive: true }))

const verify = (text: string | Uint8Array, keys = [PUBLIC]) => {
  writeFileSync(path, text)
  return verdictOf(path, keys)
}
const joined = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('')

const first = chainOf('first', ['a', 'b', 'c'])
const second = chainOf('second', ['d', 'e'], { previous: [headOf(first.at(-1))] })
const both = [...first, ...second]

describe('verification', () => {
  it('finds nothing wrong with chains that follow on each other, and says how far they are signed', async () => {
    expect(await verify(joined(both))).toEqual({
      whole: true,
      records: 11,
      problems: [],
      found: 0,
      torn: undefined,
      checkpoints: 4,
      chains: [
        { chain: 'first', from: 1, to: 6, firstAt: 'audit.jsonl:1', lastAt: 'audit.jsonl:6', head: headOf(first.at(-1)).hash, signed: 5 },
        { chain: 'second', from: 1, to: 5, firstAt: 'audit.jsonl:7', lastAt: 'audit.jsonl:11', head: headOf(second.at(-1)).hash, signed: 4 },
      ],
    }) // biome-ignore format: one row for a chain
  })

  it.each<[string, (lines: string[]) => string[], string, string]>([
    ['an edit', (lines) => lines.with(3, (lines[3] as string).replace('"b"', '"B"')), 'audit.jsonl:4', 'edited'],
    ['a deletion', (lines) => lines.toSpliced(3, 1), 'audit.jsonl:4', 'missing'],
    ['a copy', (lines) => lines.toSpliced(4, 0, lines[3] as string), 'audit.jsonl:5', 'moved'],
    ['a line of somebody else', (lines) => lines.toSpliced(4, 0, '{"kind":"refusal"}'), 'audit.jsonl:5', 'foreign'],
    ['a whole chain that is gone', (lines) => lines.slice(first.length), 'audit.jsonl:1', 'missing'],
    ['an end that is gone', (lines) => lines.toSpliced(first.length - 2, 2), 'audit.jsonl:5', 'missing'],
    ['chains that changed places', () => [...second, ...first], 'audit.jsonl:1', 'missing'],
  ])('names the place of %s', async (_what, change, at, kind) => {
    const { whole, problems } = await verify(joined(change([...both])))
    expect([whole, problems[0]?.at, problems[0]?.kind]).toEqual([false, at, kind])
  }) // biome-ignore format: a table

  it('reports one edit as one problem', async () => {
    const edited = both.with(3, (both[3] as string).replace('"b"', '"B"'))
    expect((await verify(joined(edited))).found).toBe(1)
  })

  it('finds a chain that was written anew without the key', async () => {
    const forged = chainOf('first', ['a', 'nothing happened', 'c'], {}, false)
    const { problems } = await verify(joined(forged))
    expect(problems).toMatchObject([{ at: 'audit.jsonl:1', kind: 'unsigned' }])
    // and without a key to check, by what the next chain has named
    const next = await verify(joined([...forged, ...second]), [])
    expect(next.problems).toMatchObject([{ kind: 'missing', chain: 'first' }])
  })

  it('finds records before a signature that were written anew with fitting digests', async () => {
    const lines = first.slice(0, 4)
    let previous = headOf(lines[1]).hash
    const rewritten = lines.slice(2).map((line) => {
      const body = line.slice(0, line.lastIndexOf(',"hash":')).replace('"a"', '"z"')
      previous = link(previous, body)
      return `${body},"hash":"${previous}"}`
    })
    const text = joined([...lines.slice(0, 2), ...rewritten, ...first.slice(4)])
    const { problems } = await verify(text)
    expect(problems.map(({ at, kind }) => [at, kind])).toEqual([['audit.jsonl:5', 'edited']])
  })

  it('does not take a signature of another key, of another place, or none for an answer', async () => {
    const other = (await import('node:crypto')).generateKeyPairSync('ed25519').publicKey
    expect((await verify(joined(first), [other])).problems).toMatchObject([
      { at: 'audit.jsonl:2', kind: 'signature', what: expect.stringContaining('was not given') },
      { at: 'audit.jsonl:6', kind: 'signature' },
      { at: 'audit.jsonl:1', kind: 'unsigned' },
    ])
    const signature = JSON.parse(second.at(-1) as string).details.signature as string
    const own = JSON.parse(first.at(-1) as string).details.signature as string
    const swapped = first.with(-1, (first.at(-1) as string).replace(own, signature))
    const found = (await verify(joined(swapped))).problems.map(({ kind }) => kind)
    expect(found).toEqual(['edited', 'signature'])
  })

  it('takes a half line at the very end for what a crash leaves, and one that the next chain has named', async () => {
    const half = '{"time":"2026-'
    const open = await verify(joined(first) + half)
    expect([open.whole, open.torn]).toEqual([true, 'audit.jsonl:7'])
    const next = chainOf('next', ['x'], { previous: [headOf(first.at(-1))], torn: half })
    expect((await verify(joined([...first, half, ...next]))).whole).toBe(true)
    expect((await verify(joined([...first, half, ...second]))).problems).toMatchObject([
      { at: 'audit.jsonl:7', kind: 'foreign' },
    ])
  })

  it('begins where the gateway has removed what is old, and nowhere else', async () => {
    const removed = first.slice(0, 3)
    const { LineChain } = await import('../../src/audit/line.ts')
    const { signer } = await import('./chains.ts')
    const chain = new LineChain({ id: 'pruner', signer, wall: () => 0 })
    const text =
      chain.begin({ previous: [headOf(first.at(-1))] }) +
      chain.pruned({ anchors: [headOf(removed.at(-1))] })
    expect((await verify(joined(first.slice(3)) + text)).problems).toEqual([])
    expect((await verify(joined(first.slice(4)) + text)).problems).toMatchObject([
      { at: 'audit.jsonl:1', kind: 'missing' },
    ])
  })

  it('follows writers that took turns', async () => {
    const mixed = [first[0], second[0], first[1], first[2], second[1], ...first.slice(3)]
    const without = chainOf('second', ['d', 'e'], { previous: [headOf(first[0])] })
    const lines = mixed.map((line) =>
      second.includes(line as string) ? without[second.indexOf(line as string)] : line,
    )
    expect((await verify(joined([...lines, ...without.slice(2)] as string[]))).problems).toEqual([])
  })
})

const reasons = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 8 })
const chains = fc.array(fc.tuple(reasons, fc.boolean()), { minLength: 1, maxLength: 4 })

/** Chains as gateways leave them: each names the one before, and some died in the middle of a line. */
function linesOf(parts: readonly [string[], boolean][]): string[] {
  const lines: string[] = []
  let previous: ReturnType<typeof headOf>[] = []
  let torn: string | undefined
  parts.forEach(([texts, dies], index) => {
    const chain = chainOf(`c${index}`, texts, { previous, ...(torn === undefined ? {} : { torn }) })
    lines.push(...chain)
    previous = [headOf(chain.at(-1))]
    torn = dies && index < parts.length - 1 ? `{"time":"half ${index}` : undefined
    if (torn !== undefined) lines.push(torn)
  })
  return lines
}

const isTorn = (line: string | undefined) => line?.startsWith('{"time":"half') ?? false

describe('whatever chains there are', () => {
  it('they are whole as they were written', async () => {
    await fc.assert(
      fc.asyncProperty(chains, async (parts) => {
        expect((await verify(joined(linesOf(parts)))).problems).toEqual([])
      }),
    )
  })

  it('one changed byte is found, wherever it is', async () => {
    await fc.assert(
      fc.asyncProperty(
        chains,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (parts, place, by) => {
          const bytes = Buffer.from(joined(linesOf(parts)))
          // without its very last line feed a line is as whole as with it
          const at = place % (bytes.length - 1)
          bytes[at] = (bytes[at] as number) ^ by
          const { whole, torn } = await verify(bytes)
          expect(whole && torn === undefined).toBe(false)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('one line that is taken away, doubled, moved or put in is found', async () => {
    const change = fc.constantFrom('delete', 'double', 'swap', 'insert')
    await fc.assert(
      fc.asyncProperty(chains, fc.nat(), change, async (parts, place, how) => {
        const lines = linesOf(parts)
        // the last line is the last signature: what is behind it nothing covers
        const at = place % (lines.length - 1)
        const line = lines[at] as string
        fc.pre(!(how === 'delete' && isTorn(line)))
        fc.pre(!(how === 'swap' && (isTorn(line) || isTorn(lines[at + 1]))))
        const changed = {
          delete: () => lines.toSpliced(at, 1),
          double: () => lines.toSpliced(at, 0, line),
          swap: () => lines.toSpliced(at, 2, lines[at + 1] as string, line),
          insert: () => lines.toSpliced(at, 0, line.replace(/"seq":\d+/, '"seq":77')),
        }[how]()
        fc.pre(joined(changed) !== joined(lines))
        expect((await verify(joined(changed))).whole, how).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  it('an end cut off before a signature is found when another chain has begun', async () => {
    await fc.assert(
      fc.asyncProperty(
        chains,
        reasons,
        fc.integer({ min: 1, max: 20 }),
        async (parts, texts, cut) => {
          const lines = linesOf(parts)
          const last = chainOf('last', texts, { previous: [headOf(lines.at(-1))] })
          const kept = lines.slice(0, -Math.min(cut, lines.length))
          fc.pre(!isTorn(kept.at(-1)))
          expect((await verify(joined([...kept, ...last]))).whole).toBe(false)
        },
      ),
    )
  })
})

it('a digest covers the one before it', () => {
  expect(link('', 'a')).toBe(digestOf('\na'))
  expect(link('x', 'a')).toBe(link('x', Buffer.from('a')))
})
