// What `start` tells a person, and the report behind it.
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { ProtectionReport } from '../../src/app/inspect/protection.ts'
import { type Banner, bannerText } from '../../src/cli/banner.ts'
import { runCommand } from '../../src/cli/program.ts'
import { createStyle } from '../../src/cli/style.ts'
import { fakeShell, temporaryFolder } from './shell.ts'

const guard = { entry: 'guard', mode: 'enforce', conditional: true }
const watcher = { entry: 'watcher', mode: 'audit', conditional: false }
const points = { tool_pre_invoke: [guard, watcher], tool_post_invoke: [watcher] }
const ready = { state: 'ready', eras: ['legacy', 'modern'] }

const banner = (report: Partial<ProtectionReport>, more: Partial<Banner> = {}) =>
  bannerText(
    {
      url: 'http://127.0.0.1:8080/mcp',
      adminUrl: 'http://127.0.0.1:8081',
      api: false,
      tokenFile: undefined,
      config: 'portcullis.yaml',
      tryIt: 'npx client',
      pid: 42,
      report: { servers: [], gateway: {}, notLoaded: [], ...report },
      ...more,
    },
    createStyle(false),
  )

describe('the banner', () => {
  it('says where it is, what protects each server at each point, and how to try it', () => {
    expect(banner({ servers: [{ name: 'files', ...ready, points }] })).toBe(`portcullis 0.1.0

  MCP     http://127.0.0.1:8080/mcp
  health  http://127.0.0.1:8081/readyz  http://127.0.0.1:8081/metrics
  config  portcullis.yaml

  files  ready, legacy and modern
    tool_pre_invoke   guard*  watcher (audit)
    tool_post_invoke  watcher (audit)

  * under conditions; portcullis explain shows which

  try it
    npx client

  Ctrl-C stops it, kill -HUP 42 reloads
`)
  })

  it('says where the admin API is and where its first token was written', () => {
    expect(banner({}, { api: true, tokenFile: '/srv/data/admin-token' })).toContain(
      '  API     http://127.0.0.1:8081/api/v1\n  token   /srv/data/admin-token\n',
    )
  })

  it('shows equal protection once', () => {
    const servers = ['a', 'b', 'c'].map((name) => ({ name, ...ready, points }))
    const text = banner({ servers })
    expect(text.match(/guard\*/g)).toHaveLength(1)
    expect(text).toContain('  c  ready, legacy and modern\n    as a\n')
  })

  it('says so when nothing protects a server, when it is down, and when there is none', () => {
    const failed = { name: 'x', state: 'failed', reason: 'no such file', eras: [], points: {} }
    expect(banner({ servers: [failed] })).toContain(
      '  x  failed, no such file\n    nothing protects it\n',
    )
    expect(banner({})).toContain('no servers are configured')
  })

  it('shows what protects every request', () => {
    expect(banner({ gateway: { http_pre_request: [guard] } })).toContain(
      '  every request\n    http_pre_request  guard*\n',
    )
  })

  it('names what does not run, and why', () => {
    const notLoaded: ProtectionReport['notLoaded'] = [
      { name: 'pii', state: 'failed', reason: 'no such module' },
      { name: 'guard', state: 'disabled', breakGlass: true },
    ]
    const text = banner({ notLoaded })
    expect(text).toContain(
      '  not running\n    pii    failed                        no such module\n',
    )
    expect(text).toContain('    guard  left out by --unsafe-without\n')
  })
})

describe('start at a terminal', () => {
  it('prints the banner, logs for people, and ends with 0 on a signal', async () => {
    const shell = fakeShell({
      tty: true,
      cwd: temporaryFolder(),
      env: { NO_COLOR: '1', PORTCULLIS_ADMIN_PORT: '0' },
    })
    const exit = runCommand(['start', '--port', '0', '--verbose'], shell)
    for (let tries = 0; shell.out === '' && tries < 200; tries++) await sleep(50)
    expect(shell.out).toMatch(
      /^ {2}demo {2}ready, legacy\n {4}tool_pre_invoke {3}calls-per-minute {2}no-deletes\* {2}no-keys-in\n {4}tool_post_invoke {2}personal-data$/m,
    )
    expect(shell.out).toContain('config  none: a demo; portcullis init writes one')
    shell.signal('SIGTERM')
    expect(await exit).toBe(0)
    expect(shell.err).toMatch(/^info {2}a server is ready server=demo/m)
    expect(shell.err).toContain('stopping: requests in flight have 30 s')
  }, 30_000)

  it('shows the first admin token once, on stdout and nowhere else', async () => {
    const store = 'store: { url: "sqlite:./portcullis.db" }\n'
    const cwd = temporaryFolder({
      'portcullis.yaml': `version: 1\nadmin: { api: true, port: 0 }\n${store}`,
    })
    const tokens: (string | undefined)[] = []
    for (let starts = 0; starts < 2; starts++) {
      const shell = fakeShell({ tty: true, cwd, env: { NO_COLOR: '1' } })
      const exit = runCommand(['start', '--port', '0', '--verbose'], shell)
      for (let tries = 0; !shell.out.includes('Ctrl-C') && tries < 200; tries++) await sleep(50)
      tokens.push(/^ {2}(pcl_\S+)$/m.exec(shell.out)?.[1])
      expect(shell.out).toMatch(/^ {2}API {5}http:\/\/127\.0\.0\.1:\d+\/api\/v1$/m)
      expect(shell.err).not.toContain('pcl_')
      shell.signal('SIGTERM')
      expect(await exit).toBe(0)
    }
    expect(tokens).toEqual([expect.stringMatching(/^pcl_first-admin_/), undefined])
  }, 30_000)

  it('ends with 1 or 78 when it cannot start, and says why', async () => {
    const cwd = temporaryFolder({
      'portcullis.yaml':
        'version: 1\nservers: [{ name: a, command: no-such-command, required: true }]\n',
    })
    const env = { NO_COLOR: '1', PORTCULLIS_ADMIN_PORT: '0' }
    const required = fakeShell({ tty: true, cwd, env })
    expect(await runCommand(['start', '--port', '0'], required)).toBe(1)
    expect(required.err).toContain('the server a is required and did not start')
    const wrong = fakeShell({ tty: true, cwd: temporaryFolder(), env })
    expect(await runCommand(['start', '--config', 'none.yaml'], wrong)).toBe(78)
    expect(wrong.err).toContain('none.yaml')
  }, 30_000)
})
