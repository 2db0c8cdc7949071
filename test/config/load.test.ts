// The loader on whole configurations: defaults, quantities, origins, files on a real disk.
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { formatProblem, problemsOf } from '../../src/config/problem.ts'
import type { Conditions } from '../../src/host/options.ts'
import { type GatewayConfig, gatewayLoader } from './sections.ts'

const loader = gatewayLoader()
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
    expectTypeOf<GatewayConfig['namespacing']['mode']>().toEqualTypeOf<'always' | 'never'>()
    expectTypeOf<GatewayConfig['policies'][number]['then']>().toEqualTypeOf<
      'deny' | 'patch' | 'respond' | 'label' | 'alert' | 'log'
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
      'gateway.yaml:4:9: listen.host: expected text, found 5',
      'gateway.yaml:5:1: unknown key "allowed_plugins" (did you mean plugins.allowed?)',
    ])
  })
})
