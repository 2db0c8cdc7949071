// `portcullis explain` and `portcullis plugin`: what would run, why, and what it would do.
import { describe, expect, it } from 'vitest'
import { POINT_NAMES, WIRED_POINTS } from '../../src/points/table.ts'
import { cli } from './shell.ts'

const CONFIG = `version: 1
servers:
  - { name: files, command: node, environment: prod }
  - { name: search, command: node }
plugins:
  enabled: true
  allowed: [rules, search-replace]
  entries:
    - name: hide-host
      use: search-replace
      hooks: [tool_pre_invoke, tool_post_invoke]
      priority: 50
      config: { replacements: [{ search: secret-host, replace: somewhere }] }
policies:
  - name: no-prod-deletes
    on: [tool_pre_invoke]
    conditions: [{ tools: ["*delete*"], environments: [prod] }]
    when: '!("admin" in principal.roles)'
    then: deny
    code: PROD_DELETE
    reason: deleting in production needs the admin role
    priority: 10
  - name: canned
    on: [tool_pre_invoke]
    conditions: [{ tools: [status] }]
    then: respond
    respond: { content: [{ type: text, text: fine }] }
    priority: 20
  - name: only-search
    on: [resource_pre_fetch]
    conditions: [{ servers: [search] }]
    then: deny
    code: NO
    reason: "no"
`
const files = { 'portcullis.yaml': CONFIG }
const explain = (...argv: string[]) => cli(['explain', ...argv], { files })
const call = (...argv: string[]) =>
  explain('--point', 'tool_pre_invoke', '--server', 'files', ...argv)

describe('explain', () => {
  it('names every entry of the point in its order, what it did and how it ended', async () => {
    const { exit, json } = await call('--name', 'delete_file')
    expect(exit).toBe(0)
    expect(json.steps).toMatchObject([
      { entry: 'no-prod-deletes', matched: true, verdict: 'deny', code: 'PROD_DELETE' },
      { entry: 'canned', matched: false, verdict: 'skipped', skipped: 'condition' },
      { entry: 'hide-host', matched: null, verdict: 'skipped', skipped: 'not reached' },
    ])
    expect(json.outcome).toEqual({
      kind: 'deny',
      code: 'PROD_DELETE',
      reason: 'deleting in production needs the admin role',
      entry: 'no-prod-deletes',
    })
  })

  it('asks as the principal it is given', async () => {
    const { json } = await call('--name', 'delete_file', '--as', '{"id":"ann","roles":["admin"]}')
    expect(json.outcome).toEqual({ kind: 'pass' })
  })

  it('reads the principal from a file', async () => {
    const { json } = await cli(
      [
        'explain',
        '--point',
        'tool_pre_invoke',
        '--server',
        'files',
        '--name',
        'delete_file',
        '--as',
        'ann.json',
      ],
      { files: { ...files, 'ann.json': '{"roles":["admin"]}' } },
    )
    expect(json.outcome).toEqual({ kind: 'pass' })
  })

  it('shows what would be changed', async () => {
    const { json } = await call('--name', 'read', '--arguments', '{"host":"secret-host"}')
    expect(json.steps.at(-1)).toMatchObject({ entry: 'hide-host', verdict: 'patch' })
    expect(json.outcome.after.arguments).toEqual({ host: 'somewhere' })
  })

  it('shows what would answer instead of the server', async () => {
    const { json } = await call('--name', 'status')
    expect(json.outcome).toMatchObject({
      kind: 'respond',
      entry: 'canned',
      answer: { content: [{ type: 'text', text: 'fine' }] },
    })
  })

  it('takes the server from the prefix of the name', async () => {
    const { json } = await explain('--point', 'tool_pre_invoke', '--name', 'files__delete_file')
    expect(json).toMatchObject({ server: 'files', outcome: { code: 'PROD_DELETE' } })
  })

  it('names entries whose conditions cannot match', async () => {
    const { json } = await explain(
      '--point',
      'resource_pre_fetch',
      '--server',
      'files',
      '--name',
      'file:///a',
    )
    expect(json.steps).toMatchObject([
      { entry: 'only-search', matched: false, verdict: 'skipped', skipped: 'condition' },
    ])
    expect(json.outcome).toEqual({ kind: 'pass' })
  })

  it('explains the points after a call on a given answer', async () => {
    const point = ['--point', 'tool_post_invoke', '--server', 'files', '--name', 'read']
    const result = '{"content":[{"type":"text","text":"at secret-host"}]}'
    const { json } = await explain(...point, '--result', result)
    expect(json.outcome.after.result.content).toEqual([{ type: 'text', text: 'at somewhere' }])
    const without = await explain(...point)
    expect(without.exit).toBe(2)
    expect(without.err).toContain('--result')
  })

  it('tells a person step by step', async () => {
    const { out } = await cli(
      ['explain', '--point', 'tool_pre_invoke', '--server', 'search', '--name', 'delete_all'],
      { files, tty: true, env: { NO_COLOR: '1' } },
    )
    expect(out).toBe(`tool_pre_invoke on search
  1  no-prod-deletes  rules, enforce           does not match
  2  canned           rules, enforce           does not match
  3  hide-host        search-replace, enforce  pass
goes on unchanged
`)
  })

  it.each([
    [
      'a point that is none',
      ['--point', 'tool_pre'],
      /there is no point tool_pre.*portcullis plugin points/,
    ],
    ['a point that is not fired yet', ['--point', 'cache_pre_get'], /not yet fired/],
    ['a server that is none', ['--point', 'tool_pre_invoke', '--server', 'x'], /no server x/],
    ['no server where one is needed', ['--point', 'tool_pre_invoke'], /--server/],
    [
      'no name where one is needed',
      ['--point', 'tool_pre_invoke', '--server', 'files'],
      /lacks name/,
    ],
    ['arguments that are no JSON', ['--point', 'tool_pre_invoke', '--arguments', '{'], /no JSON/],
    [
      'a principal of the wrong shape',
      ['--point', 'tool_pre_invoke', '--as', '{"roles":1}'],
      /roles/,
    ],
    ['no point', [], /--point/],
  ])('ends with 2 for %s', async (_what, argv, message) => {
    const { exit, err } = await explain(...argv)
    expect(exit).toBe(2)
    expect(err).toMatch(message)
  })
})

describe('plugin list', () => {
  it('lists what comes with the package without any configuration', async () => {
    const { exit, json } = await cli(['plugin', 'list'])
    expect(exit).toBe(0)
    expect(json.available.map(({ id }: { id: string }) => id)).toEqual(
      expect.arrayContaining(['deny-list', 'pii-filter', 'rules', 'search-replace']),
    )
    expect(json.entries).toEqual([])
  })

  it('shows how a configuration uses them', async () => {
    const { json } = await cli(['plugin', 'list'], { files })
    expect(json.entries[0]).toMatchObject({
      name: 'hide-host',
      plugin: 'search-replace',
      state: 'loaded',
    })
  })
})

describe('plugin points', () => {
  it('lists every point and says which are not fired yet', async () => {
    const { json } = await cli(['plugin', 'points'])
    expect(json.points.map(({ name }: { name: string }) => name)).toEqual(POINT_NAMES)
    const fired = json.points.filter((point: { fired: boolean }) => point.fired)
    expect(fired.map(({ name }: { name: string }) => name)).toEqual(WIRED_POINTS)
  })

  it('keeps the two apart for a person', async () => {
    const { out } = await cli(['plugin', 'points'], { tty: true, env: { NO_COLOR: '1' } })
    const [fired = '', later = ''] = out.split('declared, not yet fired')
    expect(fired).toContain('tool_pre_invoke')
    expect(later).toContain('cache_pre_get')
  })
})
