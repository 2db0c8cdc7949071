// From measured cells to what people read: budget, Markdown, plots, and what /proc says.
import { describe, expect, it } from 'vitest'
import { overBudget, parseBudget, readBudget } from '../../benchmarks/budget.ts'
import type { BenchmarkCase } from '../../benchmarks/case.ts'
import type { Cell } from '../../benchmarks/harness.ts'
import { parseBusy, parseStat } from '../../benchmarks/load/proc.ts'
import { markdown } from '../../benchmarks/markdown.ts'
import { bars, lines } from '../../benchmarks/plot.ts'
import { plotsOf } from '../../benchmarks/plots.ts'
import { type Report, resultOf } from '../../benchmarks/report.ts'

const run = () => 0
const about: BenchmarkCase = {
  name: 'proxy',
  title: 'Small calls <on>',
  unit: 'us',
  notes: ['A note.'],
  variants: [
    { name: 'ours', ours: true, run },
    { name: 'theirs', run },
  ],
  claims: [
    {
      id: 'P1',
      what: 'ours to theirs',
      variant: 'ours',
      reference: 'theirs',
      measure: 'ratio',
      unit: 'x',
      must: 1,
    },
    {
      id: 'P2',
      what: 'ours to nobody',
      variant: 'ours',
      reference: 'nobody',
      measure: 'ratio',
      unit: 'x',
      must: 1,
    },
  ],
}
const cells: Cell[] = [0, 1, 2].flatMap((round) =>
  [
    ['ours', 50],
    ['theirs', 100],
  ].map(([variant, cost]) => ({
    variant: String(variant),
    round,
    times: 1000,
    cost: Number(cost),
    seen: { throughput: 1e6 / Number(cost) },
    others: 0.5,
    dirty: round === 0,
  })),
)
const result = resultOf(about, { cells, sink: 0 }, 12)
const report: Report = {
  schema: 2,
  when: '2026-01-02T03:04:05.000Z',
  command: 'npm run bench',
  revision: { commit: 'abc1234', dirty: true, code: 'built' },
  machine: { cpu: 'a processor', cores: 2, memory: 8, kernel: '6.1', pinned: true },
  versions: { node: '26.0.0' },
  load: { before: [0, 0, 0], after: [1, 1, 1] },
  cases: [result],
  failures: [{ name: 'peers', reason: 'not installed' }],
}

describe('the report', () => {
  const text = markdown(report, new Map([['proxy', ['latest-proxy.svg']]]))

  it('says what was claimed, measured and decided', () => {
    expect(text).toContain('| P1 | ours to theirs | 0.5x (0.5 to 0.5) | ≤ 1x |  | pass |')
    expect(text).toContain('| P2 | ours to nobody |  | ≤ 1x |  | not measured |')
  })

  it('says where it was made, and what ran while it was', () => {
    expect(text).toContain('revision abc1234 with uncommitted changes, built code')
    expect(text).toContain('2 of 6 cells were measured while others used')
    expect(text).toContain('node 26.0.0')
  })

  it('names the cases that could not run', () => {
    expect(text).toContain('**peers could not run:** not installed')
  })

  it('shows what was seen beside the cost, and the plot', () => {
    expect(text).toContain('| ours | 50 | 50 to 50 | 50 | 0 | 20,000 |')
    expect(text).toContain('![Small calls <on>](latest-proxy.svg)')
  })
})

describe('the budget', () => {
  const budget = (limits: Record<string, number>) => ({ cases: ['proxy'], limits })

  it('complains about what is over it, by the bad end', () => {
    expect(overBudget(budget({ P1: 0.6 }), result.claims)).toEqual([])
    expect(overBudget(budget({ P1: 0.4 }), result.claims)).toEqual([
      'P1: ours to theirs: 0.50x, at most 0.4x',
    ])
  })

  it('complains about what was not measured', () => {
    expect(overBudget(budget({ P2: 9 }), result.claims)).toHaveLength(1)
    expect(overBudget(budget({ P9: 9 }), result.claims)).toEqual(['P9 was not measured'])
  })

  it('is refused when it holds nothing to anything', () => {
    expect(() => parseBudget('{"cases":["a"],"limits":{}}')).toThrow('no limits')
    expect(() => parseBudget('{"cases":[],"limits":{"P1":1}}')).toThrow('no cases')
    expect(() => parseBudget('{"cases":["a"],"limits":{"P1":"1"}}')).toThrow('limit of P1')
  })

  it('holds the claims that continuous integration is to look at', () => {
    expect(Object.keys(readBudget().limits)).toEqual(['P1', 'P3', 'P8', 'P9', 'P13'])
  })
})

describe('a plot', () => {
  it('draws bars as long as their values, whiskers as wide as their intervals, names escaped', () => {
    const svg = bars('a & b', 'us', [
      { name: '<ours>', value: 50, low: 40, high: 60, ours: true },
      { name: 'theirs', value: 100, ours: false },
    ])
    expect(svg).toContain('a &amp; b')
    expect(svg).toContain('&lt;ours&gt;')
    const widths = [...svg.matchAll(/class="o\w+" x="250" y="\d+" width="([\d.]+)"/g)].map(
      ([, w]) => Number(w),
    )
    expect(widths).toEqual([215, 430])
    expect(svg.match(/class="whisker"/g)).toHaveLength(1)
    expect(svg).toContain('prefers-color-scheme: dark')
  })

  it('draws a line through all points, from zero', () => {
    const svg = lines('t', 'us', 'plugins', [
      {
        name: 'sync',
        points: [
          [0, 10],
          [50, 20],
        ],
      },
    ])
    expect(svg.match(/<circle/g)).toHaveLength(2)
    expect(svg).toContain('>sync</text>')
    expect(svg).toContain('>0</text>')
  })

  it('exists for costs and for throughput of a case', () => {
    expect([...plotsOf(result).keys()]).toEqual(['', '-throughput'])
  })

  it('of plugins by number has one line for each kind and size, at 32 connections', () => {
    const names = [
      '0 plugins, 200 B, c=32',
      '10 sync, 200 B, c=32',
      '10 async, 200 B, c=32',
      '10 sync, 200 B, c=1',
    ]
    const variants = names.map((name) => ({ name, run }))
    const matrix = resultOf(
      { ...about, variants, claims: [], curve: { along: 'variants' } },
      { cells: names.map((variant) => ({ ...(cells[0] as Cell), variant })), sink: 0 },
      1,
    )
    const svg = [...plotsOf(matrix).values()].join('')
    expect(svg).toContain('>sync, 200 B</text>')
    expect(svg).toContain('>async, 200 B</text>')
    expect(svg.match(/<circle/g)).toHaveLength(4)
  })
})

describe('what the kernel says', () => {
  it('is read behind a command that may hold brackets and blanks', () => {
    const fields = ['S', '7', ...Array.from({ length: 9 }, () => '0'), '11', '12', '13', '14']
    expect(parseStat(`42 (odd ) (name) ${fields.join(' ')}`)).toEqual({
      parent: 7,
      user: 11,
      system: 12,
      children: 27,
    })
  })

  it('counts what was not idle', () => {
    expect(parseBusy('cpu  1 2 4 1000 500 8 16 32 0 0\ncpu0 1')).toBe(63)
  })
})
