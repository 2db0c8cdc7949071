// A reload of fifty plugins under load (P20): no request fails, and how long the event loop stands still.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stringify } from 'yaml'
import type { BenchmarkCase, Trial } from '../case.ts'
import { type Call, verify } from '../load/call.ts'
import { isBuilt, NAMESPACE } from '../load/gateway.ts'
import { type Service, startScript } from '../load/process.ts'
import { load } from '../load/wrk.ts'
import { startUpstream } from '../references/table.ts'
import { openSwap } from './swap.ts'

const PLUGINS = 50
const CONNECTIONS = 8
const SECONDS = 2
const WAIT = 'no reload'
const CONFIG = `new configuration of ${PLUGINS} plugins`
const SWAP = 'the swap of one generation for another'
const CODE = `new code of ${PLUGINS} plugins`

export async function openReload(): Promise<BenchmarkCase> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-'))
  const upstream = await startUpstream()
  const files = new Files(folder, upstream.url)
  let host: Service | undefined
  let swap: Awaited<ReturnType<typeof openSwap>> | undefined
  const close = async () => {
    await swap?.close()
    await host?.stop()
    await upstream.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    files.writeCode()
    host = await startScript(
      'the gateway',
      new URL('reload-host.ts', import.meta.url),
      { config: files.writeConfig() },
      { core: 'subject', flags: isBuilt() ? [] : ['--conditions=portcullis-source'] },
    )
    await verify(callOf(host))
    swap = await openSwap(SWAP, files.writeConfig(), () => files.writeConfig())
  } catch (error) {
    await close()
    throw error
  }
  return {
    name: 'reload',
    title: 'Reload under load',
    unit: 'ms of the longest turn',
    notes: [
      `${PLUGINS} plugins, each with a folder, a manifest, a schema and code of its own, at pre and post of every call; ${CONNECTIONS} connections call tools as fast as they can for ${SECONDS} s, and every answer is checked: one that is wrong ends the case.`,
      'The longest turn of the loop, from the beginning of the reload until 100 ms after its end, the load and the collector included: elapsed time, or CPU time of the process where that is less, because what other processes take of the core is no stall of the gateway.',
      'The longest stall is elapsed time (monitorEventLoopDelay, 1 ms) in the same window, and has all of that in it; the same window without a reload is beside it.',
    ],
    variants: [
      observed(WAIT, host, '/wait', () => {}),
      observed(CONFIG, host, '/reload', () => files.writeConfig()),
      observed(CODE, host, '/reload', () => {
        files.writeCode()
        files.writeConfig()
      }),
      swap.trial,
    ],
    claims: [
      { id: 'P20', what: CONFIG, variant: CONFIG, measure: 'value', unit: ' ms', must: 25, stretch: 5 },
      { id: 'P20 code', what: CODE, variant: CODE, measure: 'value', unit: ' ms', must: 25, stretch: 5 },
      { id: 'P20 swap', what: 'the swap itself', variant: SWAP, measure: 'value', per: 0.001, unit: ' us', must: 10 },
      { id: 'P20 stall', what: `${CONFIG}, the longest stall, less that without a reload`, variant: CONFIG, reference: WAIT, measure: 'difference', of: 'stall', unit: ' ms' },
      { id: 'P20 stall code', what: `${CODE}, the same`, variant: CODE, reference: WAIT, measure: 'difference', of: 'stall', unit: ' ms' },
    ],
    rounds: (quick) => (quick ? 3 : 7),
    warmUp: async () => {
      await load(callOf(host), { connections: CONNECTIONS, seconds: SECONDS })
    },
    close,
  } // biome-ignore format: a table
}

function callOf({ ready }: Service): Call {
  const port = Number(ready.port)
  return { port, path: '/mcp', tool: `${NAMESPACE}echo`, payload: 'small', era: 'modern' }
}

interface Seen {
  readonly turn: number
  readonly stall: number
  readonly ms: number
  readonly result?: { readonly outcome: string; readonly reason?: string }
}

function observed(name: string, host: Service, path: string, change: () => void): Trial {
  return {
    name,
    async trial() {
      change()
      const [{ p99, requests }, { turn, stall, ms, result }] = await Promise.all([
        load(callOf(host), { connections: CONNECTIONS, seconds: SECONDS, checked: true }),
        sleep(500).then(() => ask(host, path)),
      ])
      if (path === '/reload' && result?.outcome !== 'applied')
        throw new Error(`${name}: ${result?.outcome}: ${result?.reason}`)
      return { times: 1, cost: turn, seen: { stall, ms, p99, requests }, others: 0 }
    },
  }
}

async function ask({ ready }: Service, path: string): Promise<Seen> {
  const answer = await fetch(`http://127.0.0.1:${ready.port}${path}`)
  return (await answer.json()) as Seen
}

/** The configuration and the plugins, written anew with other values each time. */
class Files {
  readonly #folder: string
  readonly #upstream: string
  #version = 0

  constructor(folder: string, upstream: string) {
    this.#folder = folder
    this.#upstream = upstream
  }

  writeConfig(): string {
    this.#version++
    const file = join(this.#folder, 'gateway.yaml')
    const entries = names.map((name) => ({
      name,
      use: name,
      conditions: [{ tools: [`${NAMESPACE}*`, `${name}-*`] }],
      config: { most: this.#version, words: [`secret-${this.#version}`] },
    }))
    const config = {
      version: 1,
      servers: [{ name: 'bench', url: this.#upstream }],
      audit: { sinks: [{ type: 'file', path: join(this.#folder, 'audit.jsonl') }] },
      telemetry: { log: { level: 'warn' } },
      plugins: {
        enabled: true,
        allowed: names,
        dirs: [join(this.#folder, 'plugins')],
        entries,
      },
    }
    writeFileSync(file, stringify(config))
    return file
  }

  writeCode(): void {
    for (const name of names) {
      const place = join(this.#folder, 'plugins', name)
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'plugin.yaml'), stringify(manifest(name)))
      writeFileSync(join(place, 'config.schema.json'), JSON.stringify(SCHEMA))
      writeFileSync(join(place, 'index.ts'), code(name, this.#version))
    }
  }
}

const names = Array.from({ length: PLUGINS }, (_, index) => `policy-${index}`)

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['most'],
  properties: {
    most: { type: 'integer', minimum: 1 },
    words: { type: 'array', items: { type: 'string', minLength: 1 }, default: [] },
    reason: { type: 'string', default: 'not allowed' },
  },
}

const manifest = (id: string) => ({
  id,
  version: '1.0.0',
  description: 'refuses calls whose text has a word in it',
  hooks: ['tool_pre_invoke', 'tool_post_invoke'],
  permissions: {},
  config_schema: './config.schema.json',
  entry: './index.ts',
  side_effects: 'none',
})

const code = (
  id: string,
  version: number,
) => `import { definePlugin, deny } from 'portcullis/plugin'

export const version = ${version}

export default definePlugin<{ most: number; words: readonly string[]; reason: string }>({
  id: '${id}',
  setup: ({ words, reason }) => ({
    hooks: {
      tool_pre_invoke: ({ name }) => (words.includes(name) ? deny({ code: 'WORD', reason }) : undefined),
      tool_post_invoke: ({ name }) => (words.includes(name) ? deny({ code: 'WORD', reason }) : undefined),
    },
  }),
})
`
