// The command line as a whole: help, versions, wrong calls, streams, signals.
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SELF } from '../../src/app/gateway.ts'
import { AppError } from '../../src/base/errors.ts'
import { exitOf, UsageError } from '../../src/cli/exit.ts'
import { createHumanLog } from '../../src/cli/human-log.ts'
import { createOutput } from '../../src/cli/output.ts'
import { untilStopped } from '../../src/cli/signals.ts'
import { columns, createStyle } from '../../src/cli/style.ts'
import { VERSION } from '../../src/cli/version.ts'
import { cli, fakeShell } from './shell.ts'

describe('the command line', () => {
  it('knows one version everywhere', async () => {
    const { version } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    )
    expect([VERSION, SELF.version]).toEqual([version, version])
    expect((await cli(['--version'])).out).toBe(`${version}\n`)
  })

  it.each([
    'start',
    'validate',
    'init',
    'import',
    'explain',
    'plugin',
    'bench',
    'doctor',
    'plugin list',
    'plugin points',
    'audit verify',
    'audit search',
    'audit export',
    'audit keygen',
    'server list',
    'server show',
    'server add',
    'server remove',
    'key list',
    'key show',
    'key create',
    'key revoke',
    'role list',
    'role show',
    'role grant',
    'role revoke',
    'export',
  ])('has help for %s', async (command) => {
    const { exit, out } = await cli([...command.split(' '), '--help'])
    expect(exit).toBe(0)
    expect(out).toContain(`Usage: portcullis ${command}`)
  })

  it.each([
    [['doctr'], 'unknown command doctr (did you mean doctor?)'],
    [['--prot', '1'], "unknown option '--prot'"],
    [['start', '--port', 'http'], '"http" is no port'],
    [['start', '--port', ''], '"" is no port'],
    [['import'], "missing required argument 'file'"],
    [['sever', 'list'], 'unknown command sever (did you mean server?)'],
    [['server', 'ad', 'x'], "unknown command 'ad'"],
    [['role', 'grant', 'admin'], "missing required argument 'principal'"],
    [['explain', '--era', 'old', '--point', 'tool_pre_invoke'], '--era is legacy or modern'],
  ])('ends %j with 2 and says why', async (argv, message) => {
    const { exit, err, out } = await cli(argv)
    expect(exit).toBe(2)
    expect(err).toContain(message)
    expect(out).toBe('')
  })

  it('takes the common options before and after the command', async () => {
    const before = await cli(['--json', 'plugin', 'points'], { tty: true })
    const after = await cli(['plugin', 'points', '--json'], { tty: true })
    expect(before.json.points).toHaveLength(after.json.points.length)
  })

  it('writes errors as JSON when asked to', async () => {
    const { err, exit } = await cli(['validate', '--print', '--json'])
    expect(exit).toBe(78)
    expect(JSON.parse(err)).toMatchObject({
      level: 'error',
      code: 'CONFIG_NOT_FOUND',
      next: 'name a file that is there, or run portcullis init',
    })
  })
})

describe('exit codes', () => {
  it('are 2 for a wrong call, 78 for a wrong configuration and 1 for everything else', () => {
    expect(exitOf(new UsageError('x'))).toBe(2)
    const configuration = [
      'CONFIG_INVALID',
      'CONFIG_NOT_FOUND',
      'PLUGIN_GATE',
      'PLUGIN_LOAD',
    ] as const
    for (const code of configuration) expect(exitOf(new AppError(code, 'x'))).toBe(78)
    for (const code of ['PLUGIN_THREW', 'UPSTREAM_UNAVAILABLE', 'INTERNAL'] as const)
      expect(exitOf(new AppError(code, 'x'))).toBe(1)
    expect(exitOf(new Error('x'))).toBe(1)
  })
})

describe('output', () => {
  const outputOf = (options: { tty?: boolean; env?: Record<string, string> }, flags = {}) => {
    const shell = fakeShell(options)
    return { shell, output: createOutput(shell, flags) }
  }

  it('is text on a terminal and one JSON line elsewhere', () => {
    const person = outputOf({ tty: true, env: { NO_COLOR: '1' } })
    person.output.result({ a: 1 }, () => 'one\n')
    expect(person.shell.out).toBe('one\n')
    const program = outputOf({})
    program.output.result({ a: 1 }, () => 'one\n')
    expect(program.shell.out).toBe('{"a":1}\n')
  })

  it('has colours on a terminal only, and never with NO_COLOR or a dumb terminal', () => {
    expect(outputOf({ tty: true }).output.style.bad('x')).toBe('\u001b[31mx\u001b[39m')
    expect(outputOf({}).output.style.bad('x')).toBe('x')
    expect(outputOf({ tty: true, env: { NO_COLOR: '1' } }).output.style.bad('x')).toBe('x')
    expect(outputOf({ tty: true, env: { TERM: 'dumb' } }).output.style.bad('x')).toBe('x')
    expect(outputOf({ tty: true }, { json: true }).output.style.bad('x')).toBe('x')
  })

  it('keeps notes and warnings to itself with --quiet, and details without --verbose', () => {
    const quiet = outputOf({}, { quiet: true })
    quiet.output.note('n')
    quiet.output.warn('w')
    quiet.output.detail('d')
    expect(quiet.shell.err).toBe('')
    const verbose = outputOf({}, { verbose: true })
    verbose.output.note('n')
    verbose.output.warn('w')
    verbose.output.detail('d')
    expect(verbose.shell.err).toBe('n\nwarning: w\nd\n')
  })

  it('shows no credentials of an error', () => {
    const { shell, output } = outputOf({})
    output.fail(new Error('GET https://u:hunter2@h/?token=hunter2 with Bearer hunter2'))
    output.fail(new AppError('EGRESS_FAILED', 'https://u:hunter2@h/ failed'))
    expect(shell.err).not.toContain('hunter2')
    expect(shell.err).toContain('see the cause')
  })

  it('lines columns up by what is seen of them', () => {
    const style = createStyle(true)
    expect(
      columns(
        [
          [style.strong('a'), 'b'],
          ['long', ''],
        ],
        ' ',
      ),
    ).toBe(` \u001b[1ma\u001b[22m     b\n long\n`)
  })
})

describe('the log at a terminal', () => {
  const written = (level: 'info' | 'warn' = 'info') => {
    const shell = fakeShell({ tty: true })
    const log = createHumanLog({
      stream: shell.stderr,
      style: createStyle(false),
      level: () => level,
    })
    return { shell, log }
  }

  it('is one redacted line per record', () => {
    const { shell, log } = written()
    log.child({ server: 'files' }).info({ token: 'hunter2', ms: 3 }, 'ready with Bearer hunter2')
    expect(shell.err).toBe(
      'info  ready with Bearer [redacted] server=files token=[redacted] ms=3\n',
    )
  })

  it('leaves out what is below its level', () => {
    const { shell, log } = written('warn')
    log.debug({}, 'a')
    log.info({}, 'b')
    log.warn({}, 'c')
    log.error({}, 'd')
    expect(shell.err).toBe('warn  c\nerror d\n')
  })

  it('shows the members of an audit record beside each other', () => {
    const { shell, log } = written()
    log.info({ audit: { kind: 'refusal', entry: 'guard' } }, 'audit refusal')
    expect(shell.err).toBe('info  audit refusal kind=refusal entry=guard\n')
  })

  it('shows control characters instead of sending them to the terminal', () => {
    const { shell, log } = written()
    log.info({ line: '\u001b[2Jgone\u202e' }, 'stderr')
    expect(shell.err).toBe('info  stderr line=\\x1b[2Jgone\\x202e\n')
  })
})

describe('a running gateway', () => {
  function running() {
    const shell = fakeShell()
    const calls: string[] = []
    const stopped = Promise.withResolvers<void>()
    const gateway = {
      reload: async () => void calls.push('reload'),
      stop(options: { now?: boolean } = {}) {
        calls.push(options.now ? 'now' : 'stop')
        return stopped.promise
      },
    }
    const start = (starting: Promise<typeof gateway>) =>
      untilStopped(starting, shell, {
        ready: () => void calls.push('ready'),
        drain: () => 100,
        note: () => {},
      })
    return { shell, calls, gateway, start, stopped }
  }
  const pause = (ms = 0) => new Promise((done) => setTimeout(done, ms))

  it('drains on the first signal and ends with 0', async () => {
    const { shell, calls, gateway, start, stopped } = running()
    const exit = start(Promise.resolve(gateway))
    await pause()
    shell.signal('SIGHUP')
    shell.signal('SIGTERM')
    await pause()
    stopped.resolve()
    expect(await exit).toBe(0)
    expect(calls).toEqual(['ready', 'reload', 'stop'])
    shell.signal('SIGTERM')
    expect(shell.aborted).toEqual([])
  })

  it('stops at once on the second, and a signal told twice is one', async () => {
    const { shell, calls, gateway, start, stopped } = running()
    const exit = start(Promise.resolve(gateway))
    await pause()
    shell.signal('SIGINT')
    shell.signal('SIGINT')
    await pause(300)
    expect(calls).toEqual(['ready', 'stop'])
    shell.signal('SIGINT')
    await pause()
    expect(calls).toEqual(['ready', 'stop', 'now'])
    stopped.resolve()
    expect(await exit).toBe(0)
  })

  it('gives up on the third', async () => {
    const { shell, gateway, start, stopped } = running()
    const exit = start(Promise.resolve(gateway))
    await pause()
    for (const _ of [1, 2, 3]) {
      shell.signal('SIGTERM')
      await pause(300)
    }
    expect(shell.aborted).toEqual([1])
    stopped.resolve()
    await exit
  })

  it('stops after a start that a signal came into, without calling itself ready', async () => {
    const { shell, calls, gateway, start, stopped } = running()
    const starting = Promise.withResolvers<typeof gateway>()
    const exit = start(starting.promise)
    shell.signal('SIGTERM')
    starting.resolve(gateway)
    stopped.resolve()
    expect(await exit).toBe(0)
    expect(calls).toEqual(['stop'])
  })

  it('does not wait for a start when asked twice', async () => {
    const { shell, start } = running()
    const exit = start(new Promise(() => {}))
    shell.signal('SIGTERM')
    await pause(300)
    shell.signal('SIGTERM')
    expect(await exit).toBe(1)
    expect(shell.aborted).toEqual([1])
  })

  it('fails as its start fails', async () => {
    const { start } = running()
    await expect(start(Promise.reject(new AppError('PLUGIN_GATE', 'closed')))).rejects.toThrow(
      'closed',
    )
  })
})
