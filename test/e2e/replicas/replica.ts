// Gateways that share one PostgreSQL, each a process of its own, and operators who ask their admin APIs over HTTP.
import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { cli } from '../../cli/shell.ts'
import { temporaryDirectory } from '../../support/directory.ts'
import { bin, node, nodeFlags } from '../../support/paths.ts'
import { type RunningProcess, startProcess } from '../../support/process.ts'

// the default of registry.follow, and rates that the test does not meet
const CONFIG = `
version: 1
listen: { port: 0 }
admin: { port: 0, api: true, rate: { principal: 1000000, address: 1000000 } }
registry: { approval: [peer] }
store: { url: '\${env:STORE_URL}', keys: ['\${env:STORE_KEY}'] }
identity: { anonymous: deny, api_keys: true }
audit:
  sinks: [{ type: store }]
  sign: { key_file: ./audit.key }
`

export interface Answer {
  readonly status: number
  readonly requestId: string
  readonly etag: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever was answered
  readonly body: any
}

export interface Asked {
  readonly token: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Replica {
  /** Of the MCP endpoint. */
  readonly url: string
  readonly process: RunningProcess
  /** Rejects when the connection breaks. */
  ask(method: string, path: string, asked: Asked): Promise<Answer>
  /** What /readyz says, and with which status. */
  ready(): Promise<Answer>
  kill(): Promise<void>
}

export interface Site extends AsyncDisposable {
  /** `name`: of a folder of its own, where it would leave a first token. */
  start(name: string): Promise<Replica>
  /** What `portcullis audit verify` says of the store, with its exit code. */
  verify(): ReturnType<typeof cli>
  /** First admin tokens, of all replicas that made one. */
  firstTokens(): Promise<readonly string[]>
}

/** Replicas of one image: one configuration, one database. */
export async function makeSite(url: string): Promise<Site> {
  const directory = await temporaryDirectory({ 'gateway.yaml': CONFIG })
  const env = { STORE_URL: url, STORE_KEY: randomBytes(32).toString('base64') }
  const cwd = directory.path
  await cli(['audit', 'keygen', 'audit.key'], { cwd })
  const running: RunningProcess[] = []
  const folders = new Set<string>()
  return {
    async start(name) {
      const own = `${cwd}/${name}`
      folders.add(own)
      await mkdir(own, { recursive: true })
      const process = await startProcess(
        node,
        [...nodeFlags, bin, 'start', '--config', '../gateway.yaml', '--no-watch'],
        {
          cwd: own,
          env,
          until: /"event":"ready","url":"([^"]+)","admin":"([^"]+)"/,
          timeout: 30_000,
        },
      )
      running.push(process)
      return replicaOf(process)
    },
    verify: () => cli(['audit', 'verify', '--store', url, '--key', 'audit.key.pub'], { cwd }),
    async firstTokens() {
      const read = (own: string) => readFile(`${own}/data/admin-token`, 'utf8').catch(() => '')
      const tokens = await Promise.all([...folders].map(read))
      return tokens.map((token) => token.trim()).filter((token) => token !== '')
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(running.map((process) => process.stop()))
      await directory[Symbol.asyncDispose]()
    },
  }
}

function replicaOf(process: RunningProcess): Replica {
  const [, url = '', admin = ''] = process.match
  return {
    url,
    process,
    ask: (method, path, asked) => ask(method, `${admin}/api/v1${path}`, asked),
    ready: () => ask('GET', `${admin}/readyz`, { token: '' }),
    async kill() {
      process.child.kill('SIGKILL')
      await process.exited
    },
  }
}

async function ask(
  method: string,
  url: string,
  { token, body, headers = {} }: Asked,
): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': TYPES[method] ?? 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  })
  const text = await answer.text()
  return {
    status: answer.status,
    requestId: answer.headers.get('x-request-id') ?? '',
    etag: answer.headers.get('etag') ?? '',
    body: text === '' ? undefined : JSON.parse(text),
  }
}

const TYPES: Readonly<Record<string, string>> = { PATCH: 'application/merge-patch+json' }

/** Milliseconds from `began` until it is so. Rejects after ten seconds. */
export async function until(
  began: number,
  isSo: () => Promise<boolean>,
  every = 10,
): Promise<number> {
  for (;;) {
    if (await isSo()) return performance.now() - began
    if (performance.now() - began > 10_000) throw new Error('it did not become so within 10 s')
    await new Promise((resolve) => setTimeout(resolve, every))
  }
}

/** Resolves with who that is, once the replica has heard of a key that another one made. */
export async function knows(replica: Replica, token: string): Promise<Answer['body']> {
  const me = () => replica.ask('GET', '/me', { token })
  await until(performance.now(), async () => (await me()).status === 200)
  return (await me()).body
}

/** `median 320 ms, at most 540 ms, of 6`, for docs/evidence.md. */
export function summary(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  return `median ${Math.round(median)} ms, at most ${Math.round(sorted.at(-1) ?? 0)} ms, of ${sorted.length}`
}
