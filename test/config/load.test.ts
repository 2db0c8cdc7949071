// The loader on whole configurations: defaults, quantities, origins, files on a real disk.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what substitutions look like
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { configLoader, type GatewayConfig } from '../../src/app/sections.ts'
import { formatProblem, problemsOf } from '../../src/config/problem.ts'
import { findConfig, nodeFs } from '../../src/config/source/file.ts'
import type { Conditions } from '../../src/host/options.ts'

const loader = configLoader()
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-config-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function write(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
  await chmod(path, 0o644)
  return path
}

async function problemsIn(load: Promise<unknown>): Promise<string[]> {
  const error = await load.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return problemsOf(error).map((problem) => formatProblem(problem, { cwd: folder }))
}

describe('a configuration', () => {
  it('has every default in place, durations in milliseconds and sizes in bytes', async () => {
    const { config } = await loader.parse('version: 1\n')
    expect(config.listen).toEqual({
      host: '127.0.0.1',
      port: 8080,
      path: '/mcp',
      allowed_hosts: [],
      allowed_origins: [],
      answers: 'json',
    })
    expect(config.limits.body).toBe(4 * 1024 * 1024)
    expect(config.limits.points).toEqual({ resource_post_fetch: 8 * 1024 * 1024 })
    expect(config.limits.dispatch).toEqual({ data: 10_000, control: 30_000, admission: 150_000 })
    expect(config.plugins).toEqual({
      enabled: false,
      allowed: [],
      dirs: [],
      defaults: { timeout: 5000, on_error: 'fail', breaker: { faults: 5, open: 30_000 } },
      entries: [],
    })
    expect(config.servers).toEqual([])
    expect(config.network.allowed_hosts).toEqual(['*'])
  })

  it('is typed by its schemas', () => {
    expectTypeOf<GatewayConfig['listen']['port']>().toEqualTypeOf<number>()
    expectTypeOf<GatewayConfig['limits']['drain']>().toEqualTypeOf<number>()
    expectTypeOf<GatewayConfig['namespacing']['mode']>().toEqualTypeOf<
      'always' | 'collision' | 'never'
    >()
    expectTypeOf<GatewayConfig['policies'][number]['then']>().toEqualTypeOf<
      'deny' | 'patch' | 'respond' | 'ask' | 'label' | 'alert' | 'log'
    >()
    expectTypeOf<GatewayConfig['policies'][number]['conditions']>().toEqualTypeOf<
      Conditions | undefined
    >()
    expectTypeOf<GatewayConfig['plugins']['entries'][number]['breaker']>().toEqualTypeOf<
      { readonly faults: number; readonly open: number } | undefined
    >()
    expectTypeOf<GatewayConfig['plugins']['entries'][number]['config']>().toEqualTypeOf<
      Readonly<Record<string, unknown>>
    >()
  })

  it('is frozen all the way down', async () => {
    const { config } = await loader.parse(
      'version: 1\nservers: [{ name: a, command: x, args: [b] }]\n',
    )
    expect(() => Object.assign(config.listen, { port: 1 })).toThrow(TypeError)
    expect(Object.isFrozen(config.servers[0]?.args)).toBe(true)
  })

  it('reports all problems of a file at once, each at its place', async () => {
    const file = await write(
      'gateway.yaml',
      'version: 1\nlisten:\n  prot: 80\n  host: 5\nallowed_plugins: [a]\n',
    )
    expect(await problemsIn(loader.load({ file, env: {} }))).toEqual([
      'gateway.yaml:3:3: unknown key "prot" in listen (did you mean port?)',
      'gateway.yaml:4:9: listen.host: expected text, found 5; put it in quotes',
      'gateway.yaml:5:1: unknown key "allowed_plugins" (did you mean plugins.allowed?)',
    ])
  })

  it('that is wrong still tells which files were read, so that they can be watched', async () => {
    const file = await write('gateway.yaml', 'version: 1\ninclude: [./parts/*.yaml]\n')
    const part = await write('parts/a.yaml', 'servers: x\n')
    await expect(loader.load({ file, env: {} })).rejects.toMatchObject({
      data: { files: [file, part], folders: [join(folder, 'parts')] },
    })
  })

  it('that listens where others can reach it is warned about while clients need no credentials', async () => {
    const { warnings } = await loader.parse('version: 1\nlisten:\n  host: 0.0.0.0\n', {
      file: '/g.yaml',
    })
    expect(warnings.map((warning) => formatProblem(warning))).toEqual([
      '/g.yaml:3:9: everyone who can reach 0.0.0.0 is let in without credentials; set identity.anonymous: deny with identity.api_keys or identity.oauth, or listen.tls.client_ca',
    ])
    const guarded =
      'version: 1\nlisten: { host: 0.0.0.0 }\nidentity: { anonymous: deny, api_keys: true }\n'
    expect((await loader.parse(guarded)).warnings).toEqual([])
    expect((await loader.parse('version: 1\n')).warnings).toEqual([])
  })

  it('keeps the default limits of points beside those that are given', async () => {
    const { config } = await loader.parse(
      'version: 1\nlimits: { points: { tool_pre_invoke: 2MiB } }\n',
    )
    expect(config.limits.points).toEqual({
      tool_pre_invoke: 2 * 1024 ** 2,
      resource_post_fetch: 8 * 1024 ** 2,
    })
  })

  it('that is not there is CONFIG_NOT_FOUND', async () => {
    const load = loader.load({ file: join(folder, 'gone.yaml'), env: {} })
    await expect(load).rejects.toMatchObject({ code: 'CONFIG_NOT_FOUND' })
  })

  it('accepts the defaults of features that are not built, because they ask for nothing', async () => {
    const text =
      'version: 1\nlimits: { ask: 5m, holdback: 256KiB }\nstate: { url: memory }\ncache: { enabled: false }\n'
    expect((await loader.parse(text)).config.limits.ask).toBe(300_000)
  })

  it('says where a value stands and who set it', async () => {
    const loaded = await loader.parse('version: 1\nlisten:\n  port: 9000\n', {
      file: '/etc/gateway.yaml',
    })
    expect(loaded.locate(['listen', 'port'])).toEqual({
      file: '/etc/gateway.yaml',
      line: 3,
      column: 9,
    })
    expect(loaded.origin(['listen', 'port']).origin).toBe('file')
    expect(loaded.origin(['listen', 'host'])).toEqual({ origin: 'default' })
    expect(loaded.locate(['listen', 'tls', 'cert'])).toEqual({
      file: '/etc/gateway.yaml',
      line: 3,
      column: 3,
    })
  })

  it('has the same digest whatever the order of its keys, and another for another value', async () => {
    const digest = async (text: string) => (await loader.parse(text)).digest
    const one = await digest('version: 1\nlisten: { port: 1, host: a }\n')
    expect(await digest('listen: { host: a, port: 1 }\nversion: 1\n')).toBe(one)
    expect(await digest('version: 1\nlisten: { port: 2, host: a }\n')).not.toBe(one)
  })

  it('given as an object follows the same schema and reports paths only', async () => {
    expect(loader.fromObject({ version: 1, limits: { drain: '5s' } }).config.limits.drain).toBe(
      5000,
    )
    const error = (() => {
      try {
        loader.fromObject({ version: 1, listen: { prot: 1 } }, { base: '/srv' })
      } catch (reason) {
        return reason
      }
    })()
    expect(problemsOf(error)).toMatchObject([{ path: 'listen.prot', line: 0, suggestion: 'port' }])
  })

  it('given as an object may hold nothing that YAML could not say', () => {
    const loop: Record<string, unknown> = {}
    loop.again = loop
    for (const value of [() => 1, new Date(0), 1n, Number.NaN, loop])
      expect(() =>
        loader.fromObject({
          version: 1,
          plugins: { entries: [{ name: 'a', use: 'b', config: { value } }] },
        }),
      ).toThrow(/this is no JSON value|nested deeper than 64 levels/)
  })

  it('given as an object has nothing substituted in it', () => {
    const loaded = loader.fromObject({ version: 1, listen: { host: '${env:HOST}' } })
    expect(loaded.config.listen.host).toBe('${env:HOST}')
  })
})

describe('a relative path', () => {
  it('is relative to the file that names it', async () => {
    const file = await write(
      'gateway.yaml',
      'version: 1\ninclude: [./parts/*.yaml]\nplugins: { dirs: [./mine] }\n',
    )
    await write(
      'parts/a.yaml',
      'servers:\n  - { name: a, command: x, cwd: ./work }\nplugins: { dirs: [/opt/plugins, more] }\n',
    )
    const { config } = await loader.load({ file, env: {} })
    expect(config.plugins.dirs).toEqual([
      join(folder, 'mine'),
      '/opt/plugins',
      join(folder, 'parts/more'),
    ])
    expect(config.servers[0]?.cwd).toBe(join(folder, 'parts/work'))
  })
})

describe('a substitution', () => {
  const parse = (text: string, env: Record<string, string>) => loader.parse(text, { env })

  it('takes the type the schema wants when it is the whole value', async () => {
    const { config } = await parse(
      'version: 1\nlisten: { port: "${env:PORT}" }\ntelemetry: { prometheus: "${env:ON}" }\n',
      {
        PORT: '9001',
        ON: 'false',
      },
    )
    expect(config.listen.port).toBe(9001)
    expect(config.telemetry.prometheus).toBe(false)
  })

  it('uses its default for a variable that is unset or empty', async () => {
    const text = 'version: 1\nlisten: { host: "${env:A:-10.0.0.1}", path: "/${env:B:-mcp}" }\n'
    expect((await parse(text, { B: '' })).config.listen).toMatchObject({
      host: '10.0.0.1',
      path: '/mcp',
    })
  })

  it('never becomes YAML structure', async () => {
    const { config } = await parse(
      'version: 1\nservers:\n  - { name: a, command: x, args: ["${env:LIST}"] }\n',
      {
        LIST: '[1, 2]\nport: 3',
      },
    )
    expect(config.servers[0]?.args).toEqual(['[1, 2]\nport: 3'])
  })

  it('is not looked for in what was substituted', async () => {
    const { config } = await parse('version: 1\nservers:\n  - { name: a, command: "${env:X}" }\n', {
      X: '${env:X}',
    })
    expect(config.servers[0]?.command).toBe('${env:X}')
  })

  it('stays literal behind a doubled dollar', async () => {
    const { config } = await parse(
      'version: 1\nservers:\n  - { name: a, command: "$${env:X} costs $5" }\n',
      {},
    )
    expect(config.servers[0]?.command).toBe('${env:X} costs $5')
  })

  it('reads a secret file without its last line break, relative to the naming file', async () => {
    await write('secret', 'hunter2\n')
    const file = await write(
      'gateway.yaml',
      'version: 1\nservers:\n  - { name: a, url: "https://a.example", headers: { X-Key: "Bearer ${file:./secret}" } }\n',
    )
    const loaded = await loader.load({ file, env: {} })
    expect(loaded.config.servers[0]?.headers).toEqual({ 'X-Key': 'Bearer hunter2' })
    expect(loaded.files).toEqual([file, join(folder, 'secret')])
    expect(loaded.origin(['servers', 0, 'headers', 'X-Key']).origin).toBe('secret-file')
  })

  it('refuses a secret file that everyone can write', async () => {
    await chmod(await write('secret', 'x'), 0o666)
    const file = await write('gateway.yaml', 'version: 1\nlisten: { host: "${file:secret}" }\n')
    expect(await problemsIn(loader.load({ file, env: {} }))).toEqual([
      'gateway.yaml:2:17: ${file:secret} cannot be read: it can be written by everyone',
    ])
  })
})

describe('includes', () => {
  it('add their lists after the main file, sorted by name within a pattern', async () => {
    const file = await write(
      'gateway.yaml',
      'version: 1\ninclude: [./more/*.yaml, ./last.yaml]\nservers:\n  - { name: main, command: x }\n',
    )
    await write('more/b.yaml', 'servers:\n  - { name: b, command: x }\n')
    await write(
      'more/a.yaml',
      'version: 1\nservers:\n  - { name: a, command: x }\npolicies:\n  - { name: p, on: [tool_pre_invoke], then: log }\n',
    )
    await write('more/.hidden.yaml', 'nonsense')
    await write('last.yaml', 'include: [./deep.yaml]\nservers:\n  - { name: last, command: x }\n')
    await write('deep.yaml', 'servers:\n  - { name: deep, command: x }\n')
    const loaded = await loader.load({ file, env: {} })
    expect(loaded.config.servers.map(({ name }) => name)).toEqual([
      'main',
      'a',
      'b',
      'last',
      'deep',
    ])
    expect(loaded.config.policies.map(({ name }) => name)).toEqual(['p'])
    expect(loaded.files.map((path) => path.slice(folder.length + 1))).toEqual([
      'gateway.yaml',
      'more/a.yaml',
      'more/b.yaml',
      'last.yaml',
      'deep.yaml',
    ])
    expect(loaded.folders).toEqual([join(folder, 'more')])
    expect(loaded.locate(['servers', 1, 'command'])).toEqual({
      file: join(folder, 'more/a.yaml'),
      line: 3,
      column: 25,
    })
  })

  it('may match nothing', async () => {
    const file = await write('gateway.yaml', 'version: 1\ninclude: [./*.part.yaml]\n')
    expect((await loader.load({ file, env: {} })).config.servers).toEqual([])
  })

  it('are refused from a folder where everyone can add files', async () => {
    const file = await write('gateway.yaml', 'version: 1\ninclude: [./open/*.yaml]\n')
    await mkdir(join(folder, 'open'))
    await chmod(join(folder, 'open'), 0o1777)
    expect(await problemsIn(loader.load({ file, env: {} }))).toEqual([
      `gateway.yaml:2:11: everyone can add files to ${folder}/open; run chmod o-w ${folder}/open`,
    ])
  })
})

describe('a profile', () => {
  it('overrides values, merges named items by name, appends new ones and removes with null', async () => {
    const file = await write(
      'gateway.yaml',
      'version: 1\nlisten: { host: 0.0.0.0, allowed_hosts: [a, b] }\nservers:\n  - { name: a, command: x, tags: [dev] }\n  - { name: b, command: y }\n',
    )
    await write(
      'profiles/prod.yaml',
      'listen: { host: null, allowed_hosts: [c] }\nservers:\n  - { name: c, command: z }\n  - { name: a, tags: [prod], cwd: ./here }\n',
    )
    const loaded = await loader.load({ file, profile: 'prod', env: {} })
    expect(loaded.config.listen).toMatchObject({ host: '127.0.0.1', allowed_hosts: ['c'] })
    expect(loaded.config.servers).toMatchObject([
      { name: 'a', command: 'x', tags: ['prod'], cwd: join(folder, 'profiles/here') },
      { name: 'b', command: 'y' },
      { name: 'c', command: 'z' },
    ])
    expect(loaded.origin(['servers', 0, 'tags', 0])).toEqual({
      origin: 'profile',
      place: { file: join(folder, 'profiles/prod.yaml'), line: 4, column: 23 },
    })
    expect(loaded.origin(['servers', 0, 'command']).origin).toBe('file')
  })

  it('that does not exist is refused with the ones that do', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    await write('profiles/prod.yaml', 'listen: {}\n')
    expect(await problemsIn(loader.load({ file, profile: 'pord', env: {} }))).toEqual([
      `${file}: there is no profile "pord"; known: prod (did you mean prod?)`,
    ])
  })

  it('cannot name a file elsewhere', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    expect(await problemsIn(loader.load({ file, profile: '../evil', env: {} }))).toEqual([
      `${file}: the profile name "../evil" may only have letters, digits, ".", "_" and "-"`,
    ])
  })

  it('is reported at its own places', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    await write('profiles/prod.yaml', 'include: [x.yaml]\nlisten: { port: no }\n')
    expect(await problemsIn(loader.load({ file, profile: 'prod', env: {} }))).toEqual([
      'profiles/prod.yaml:1:1: a profile cannot include files; include them in the main file',
      'profiles/prod.yaml:2:17: listen.port: expected a whole number, found "no"',
    ])
  })
})

describe('overrides', () => {
  it('go from flag to variable to profile to file', async () => {
    const file = await write(
      'gateway.yaml',
      'version: 1\nlisten: { host: a, port: 1, path: /f }\nadmin: { port: 1 }\n',
    )
    await write('profiles/p.yaml', 'listen: { host: b, port: 2 }\nadmin: { port: 2 }\n')
    const loaded = await loader.load({
      file,
      profile: 'p',
      env: { PORTCULLIS_LISTEN_PORT: '3', PORTCULLIS_ADMIN_PORT: '3' },
      flags: { 'listen.port': '4', 'listen.host': undefined },
    })
    expect(loaded.config.listen).toMatchObject({ host: 'b', port: 4, path: '/f' })
    expect(loaded.config.admin.port).toBe(3)
    expect(loaded.origin(['listen', 'port'])).toEqual({ origin: 'flag' })
    expect(loaded.origin(['admin', 'port'])).toEqual({ origin: 'env' })
  })

  it('are reported by their name when they do not fit', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    const load = loader.load({
      file,
      env: { PORTCULLIS_LOG_LEVEL: 'loud' },
      flags: { 'listen.port': '99999' },
    })
    expect(await problemsIn(load)).toEqual([
      '--port: listen.port: must be at most 65535, found 99999',
      'PORTCULLIS_LOG_LEVEL: telemetry.log.level: expected one of debug, info, warn, error, found "loud"',
    ])
  })
})

describe('the mode of a file', () => {
  it('is refused when everyone can write it', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    await chmod(file, 0o646)
    await expect(loader.load({ file, env: {} })).rejects.toMatchObject({
      code: 'CONFIG_UNSAFE_FILE',
    })
    expect(await problemsIn(loader.load({ file, env: {} }))).toEqual([
      `${file}: the file can be written by everyone; run chmod o-w ${file}`,
    ])
  })

  it('is refused for an included file and a profile too', async () => {
    const file = await write('gateway.yaml', 'version: 1\ninclude: [./a.yaml]\n')
    await chmod(await write('a.yaml', 'servers: []\n'), 0o666)
    await chmod(await write('profiles/p.yaml', 'listen: {}\n'), 0o666)
    const problems = await problemsIn(loader.load({ file, profile: 'p', env: {} }))
    expect(problems.map((problem) => problem.split(': ')[1])).toEqual(
      [
        'the file can be written by everyone; run chmod o-w',
        'the file can be written by everyone; run chmod o-w',
      ].map((text) => expect.stringContaining(text)),
    )
  })

  it('is warned about when the group can write it', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    await chmod(file, 0o664)
    const { warnings } = await loader.load({ file, env: {} })
    expect(warnings.map((warning) => formatProblem(warning))).toEqual([
      `${file}: the file can be written by its group; run chmod g-w ${file}`,
    ])
  })

  it('does not help when everyone can replace the file', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    await chmod(folder, 0o777)
    expect(await problemsIn(loader.load({ file, env: {} }))).toEqual([
      `${file}: everyone can replace the file; run chmod o-w ${folder}`,
    ])
  })

  it('is not judged by a folder that nobody can write, as container platforms mount them', async () => {
    const file = await write('gateway.yaml', 'version: 1\n')
    const fs = { ...nodeFs, directory: async () => ({ mode: 0o40777, writable: false }) }
    expect((await loader.load({ file, env: {}, fs })).warnings).toEqual([])
  })
})

describe('a file that is no text of reasonable length', () => {
  it('is refused: too long, not UTF-8, a folder', async () => {
    const long = await write('long.yaml', `version: 1\n# ${'x'.repeat(1024 * 1024)}\n`)
    const binary = join(folder, 'binary.yaml')
    await writeFile(binary, new Uint8Array([0xff, 0xfe, 0x41]))
    await chmod(binary, 0o644)
    expect(await problemsIn(loader.load({ file: long, env: {} }))).toEqual([
      `${long}: the file cannot be read: larger than 1048576 bytes`,
    ])
    expect(await problemsIn(loader.load({ file: binary, env: {} }))).toEqual([
      `${binary}: the file cannot be read: not valid UTF-8`,
    ])
    expect(await problemsIn(loader.load({ file: folder, env: {} }))).toEqual([
      `${folder}: the file cannot be read: not a regular file`,
    ])
  })

  it('expands aliases only so far', async () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const inner = level === 0 ? 'x' : `*a${level - 1}`
      return `        a${level}: &a${level} [${Array(9).fill(inner).join(', ')}]`
    })
    const text = `version: 1\nplugins:\n  entries:\n    - name: a\n      use: b\n      config:\n${levels.join('\n')}\n`
    await expect(loader.parse(text)).rejects.toThrow(
      'the file is more than 100000 values, aliases counted in full',
    )
  })
})

describe('the configuration to use', () => {
  it('is the flag, then the variable, then the usual files', async () => {
    const env = { PORTCULLIS_CONFIG: 'b.yaml' }
    expect(await findConfig({ flag: 'a.yaml', env, cwd: folder })).toEqual({
      file: join(folder, 'a.yaml'),
      by: 'flag',
    })
    expect(await findConfig({ env, cwd: folder })).toEqual({
      file: join(folder, 'b.yaml'),
      by: 'env',
    })
    expect(await findConfig({ env: {}, cwd: folder })).toBeUndefined()
    await write('config/gateway.yaml', 'version: 1\n')
    expect(await findConfig({ env: {}, cwd: folder })).toEqual({
      file: join(folder, 'config/gateway.yaml'),
      by: 'default',
    })
    await write('portcullis.yaml', 'version: 1\n')
    expect(await findConfig({ env: {}, cwd: folder })).toEqual({
      file: join(folder, 'portcullis.yaml'),
      by: 'default',
    })
  })
})
