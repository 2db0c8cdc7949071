// `portcullis bench`: what one plugin costs at each of its points, as configured or alone.
import { describe, expect, it } from 'vitest'
import { samplePayload } from '../../src/app/inspect/sample.ts'
import { declarationOf, POINT_NAMES } from '../../src/points/table.ts'
import { cli } from './shell.ts'

const CONFIG = `version: 1
plugins:
  enabled: true
  allowed: [rules, search-replace, rate-limit]
  entries:
    - name: hide-host
      use: search-replace
      hooks: [tool_pre_invoke, tool_post_invoke]
      conditions: [{ tools: [nobody-calls-this] }]
      config: { replacements: [{ search: finance, replace: money }] }
    - name: few-calls
      use: rate-limit
      hooks: [tool_pre_invoke]
      config: { limit: 1, per: 1h }
policies:
  - name: no-reports
    on: [tool_pre_invoke]
    then: deny
    code: NO_REPORTS
    reason: "no"
`
const files = { 'portcullis.yaml': CONFIG }
const bench = (...argv: string[]) => cli(['bench', '--plugin', ...argv], { files })

describe('bench', () => {
  it('times an entry at each of its points, alone, ten times and beside one that does nothing', async () => {
    const { exit, json } = await bench('hide-host')
    expect(exit).toBe(0)
    expect(json).toMatchObject({ entry: 'hide-host', plugin: 'search-replace', skipped: [] })
    expect(json.hooks).toMatchObject([
      { point: 'tool_pre_invoke', outcome: 'pass, changed' },
      { point: 'tool_post_invoke', outcome: 'pass, changed' },
    ])
    for (const { idle, alone, ten } of json.hooks) {
      for (const { low, median, high } of [idle, alone, ten])
        expect([low, median, high]).toEqual([low, median, high].toSorted((a, b) => a - b))
      expect(idle.median).toBeGreaterThan(0)
      expect(ten.median).toBeGreaterThan(idle.median)
    }
  })

  it('finds an entry by the id of its plugin, and a policy by its name', async () => {
    expect((await bench('search-replace', '--point', 'tool_post_invoke')).json.entry).toBe(
      'hide-host',
    )
    expect((await bench('no-reports')).json.hooks).toMatchObject([
      { point: 'tool_pre_invoke', outcome: 'deny NO_REPORTS' },
    ])
  })

  it('says when the plugin does not go on as it began', async () => {
    expect((await bench('few-calls')).json.hooks[0].outcome).toBe('pass, later deny RATE_LIMITED')
  })

  it('takes a payload of the caller, at the points that have its members', async () => {
    const payload = JSON.stringify({ arguments: { text: 'nothing to hide' } })
    const { json } = await bench('hide-host', '--payload', payload)
    expect(json.hooks).toMatchObject([{ outcome: 'pass' }, { outcome: 'pass, changed' }])
  })

  it('times a built-in plugin that nothing configures', async () => {
    const { exit, json } = await cli([
      'bench',
      '--plugin',
      'pii-filter',
      '--point',
      'tool_post_invoke',
    ])
    expect(exit).toBe(0)
    expect(json).toMatchObject({ entry: 'pii-filter', hooks: [{ point: 'tool_post_invoke' }] })
  })

  it('shows a person a table', async () => {
    const options = { files, tty: true, env: { NO_COLOR: '1' } }
    const { out } = await cli(['bench', '--plugin', 'no-reports'], options)
    expect(out).toMatch(/no-reports.*rules\n.*ends with +alone +ten of it +one that does nothing\n/)
    expect(out).toMatch(/tool_pre_invoke.*deny NO_REPORTS.* (ns|us) \(/)
  })

  it.each([
    [['--plugin', 'nobody'], 'no entry, policy or plugin is called nobody'],
    [
      ['--plugin', 'hide-host', '--point', 'error_raised'],
      'hide-host runs at tool_pre_invoke, tool_post_invoke, not at error_raised',
    ],
    [
      ['--plugin', 'hide-host', '--payload', '{"arguments":1}'],
      'does not have the shape of tool_pre_invoke',
    ],
    [['--plugin', 'hide-host', '--payload', 'x'], 'x is no JSON'],
    [[], "required option '--plugin <name>'"],
  ])('ends %j with 2 and says why', async (argv, message) => {
    const { exit, err } = await cli(['bench', ...argv], { files })
    expect(err).toContain(message)
    expect(exit).toBe(2)
  })
})

it('there is a sample payload of the right shape for every point', () => {
  const wrong = POINT_NAMES.filter((name) => !declarationOf(name).payload.is(samplePayload(name)))
  expect(wrong).toEqual([])
})
