// `npm run fuzz` as `npm test` runs it: every target with its fixed seed and count reaches its figures; and what it is made of can fail.
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { node, root } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'
import { branchCounts } from './coverage.ts'
import { holds } from './holds.ts'
import { createMutator, LONGEST } from './mutate.ts'
import { createRandom } from './random.ts'
import { runSession } from './session.ts'
import type { Target } from './target.ts'
import { TARGETS } from './targets.ts'

const fuzz = (...args: string[]) =>
  runProcess(node, ['--conditions=portcullis-source', 'scripts/fuzz.ts', ...args], {
    cwd: root,
    timeout: 110_000,
  })

describe.each(Object.keys(TARGETS))('the target %s', (name) => {
  it('breaks no property, is accepted often enough and reaches its branches', async () => {
    const { code, stdout, stderr } = await fuzz('--target', name, '--coverage')
    console.log(stdout.trim())
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/% accepted[\s\S]* branches, \d/)
  }, 120_000)
})

it('every corpus belongs to a target', () => {
  expect(readdirSync(`${import.meta.dirname}/corpus`).sort()).toEqual(Object.keys(TARGETS).sort())
})

it('a target that is not there is told, with those that are', async () => {
  const { code, stderr } = await fuzz('--target', 'none')
  expect([code, stderr.split('\n')[0]]).toEqual([1, 'there is no target none'])
  expect(stderr).toContain('envelope')
})

const target = (run: Target['run']): Target => ({
  name: 'door',
  files: [],
  tokens: ['key'],
  runs: 1000,
  branches: 90,
  run,
})
const corpus = ['{"door":{"open":true}}', 'a line\n'].map((text) => Buffer.from(text))

describe('a session', () => {
  it('ends at the first input that breaks a property, and hands it over', () => {
    const opens = target((bytes) => {
      holds(!bytes.includes('key'), 'no key opens it')
      return { accepted: true, trait: 'closed' }
    })
    const { finding, runs } = runSession(opens, { seed: 1, runs: 1000, corpus })
    expect(finding?.why).toContain('does not hold: no key opens it')
    expect(finding?.input.includes('key')).toBe(true)
    expect(runs).toBeLessThan(1000)
  })

  it('ends at an input that takes too long twice', () => {
    const slow = target((bytes) => {
      // by the time of this thread, as on a busy machine no other is a measure
      const before = process.threadCpuUsage()
      while (bytes.length > 30 && process.threadCpuUsage(before).user < 400_000);
      return { accepted: true, trait: '' }
    })
    const { finding } = runSession(slow, { seed: 1, runs: 1000, corpus })
    expect(finding?.why).toMatch(/^took \d+ ms$/)
  })

  it('of one seed is the same inputs again, of another seed others', () => {
    const inputs = (seed: number) => {
      const seen: string[] = []
      const looks = target((bytes) => {
        seen.push(bytes.toString('latin1'))
        return { accepted: false, trait: String(bytes.length) }
      })
      runSession(looks, { seed, runs: 200, corpus })
      return seen
    }
    expect(inputs(1)).toEqual(inputs(1))
    expect(inputs(1).slice(2)).not.toEqual(inputs(2).slice(2))
    expect(inputs(1).slice(0, 2)).toEqual(corpus.map(String))
  })
})

it('changed inputs stay within their length, and JSON often stays JSON', () => {
  const mutate = createMutator(createRandom(1), [])
  let json = 0
  for (let run = 0; run < 500; run++) {
    const made = mutate(corpus[0] as Buffer, Buffer.alloc(2 * LONGEST, 'x'))
    expect(made.length).toBeLessThanOrEqual(LONGEST)
    try {
      JSON.parse(made.toString())
      json++
    } catch {}
  }
  expect(json).toBeGreaterThan(150)
})

describe('the branches of a source', () => {
  const source = 'function f(a) {\n  if (a) return 1\n  return a ?? (a ? 2 : 3)\n}\n'
  const range = (text: string, count: number) => {
    const startOffset = source.indexOf(text)
    return { startOffset, endOffset: startOffset + text.length, count }
  }

  it('are counted where they stand, and one that is not written is taken when the other is not', () => {
    const body = { startOffset: 0, endOffset: source.length, count: 5 }
    const ranges = [body, range('return 1', 5), range('?? (a ? 2 : 3)', 0)]
    expect(branchCounts(source, ranges)).toEqual([
      { what: 'if', line: 2, count: 5 },
      { what: 'no else', line: 2, count: 0 },
      { what: 'right of ??', line: 3, count: 0 },
      { what: 'then', line: 3, count: 0 },
      { what: 'else', line: 3, count: 0 },
    ])
  })

  it('of a source that never ran are all missed', () => {
    expect(branchCounts(source, []).every(({ count }) => count === 0)).toBe(true)
  })
})
