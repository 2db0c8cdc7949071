// What an idle session of the older era keeps on the heap (P17): the table alone, the whole gateway, and a server of the SDK for each.

import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { NodeStreamableHTTPServerTransport } from '@modelcontextprotocol/node'
import { McpServer as McpServer1 } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport as Transport1 } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { McpServer as McpServer2 } from '@modelcontextprotocol/server'
import express from 'express'
import { createGateway } from 'portcullis'
import { Pool } from 'undici'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { ANONYMOUS } from '../../src/engine/context.ts'
import { createSessions } from '../../src/gateway/session.ts'
import type { BenchmarkCase, Trial } from '../case.ts'

const REVISION = '2025-11-25'
const TABLE = 'the table of sessions'
const GATEWAY = 'the gateway, sessions opened by clients'
const COUNTS = { table: 100_000, gateway: 5_000, sdk: 500 }
const LANES = 16

export async function openSessions(): Promise<BenchmarkCase> {
  return {
    name: 'sessions',
    title: 'Memory of idle sessions',
    unit: 'bytes of heap per session',
    notes: [
      `Heap in use after two full collections with ${COUNTS.table.toLocaleString('en')} sessions in the table, ${COUNTS.gateway.toLocaleString('en')} opened by initialize over HTTP, less that before; each has a client and capabilities of its own, as they come out of a message.`,
      `For scale: one server of the SDK with one tool and its transport per session, as its examples have it, ${COUNTS.sdk} of them.`,
    ],
    variants: [
      held(TABLE, COUNTS.table, fillTable),
      held(GATEWAY, COUNTS.gateway, openByClients),
      held('SDK 1, a server per session', COUNTS.sdk, serversOf(sdk1)),
      held('SDK 2, a server per session', COUNTS.sdk, serversOf(sdk2)),
    ],
    claims: [
      { id: 'P17', what: `one of ${COUNTS.table.toLocaleString('en')} sessions`, variant: TABLE, measure: 'value', unit: ' B', must: 2048, stretch: 1024 },
      { id: 'P17 gateway', what: 'one session, whatever the gateway keeps with it', variant: GATEWAY, measure: 'value', unit: ' B', must: 2048, stretch: 1024 },
      { id: 'P17 SDK 1', what: 'a server of SDK 1 to a session of the gateway', variant: 'SDK 1, a server per session', reference: GATEWAY, measure: 'ratio', unit: 'x' },
      { id: 'P17 SDK 2', what: 'a server of SDK 2 to a session of the gateway', variant: 'SDK 2, a server per session', reference: GATEWAY, measure: 'ratio', unit: 'x' },
    ],
    rounds: (quick) => (quick ? 3 : 5),
  } // biome-ignore format: a table
}

interface Holder {
  /** Makes so many, all of them kept until `release`. */
  open(count: number): Promise<void>
  release(): Promise<void>
}

function held(name: string, count: number, prepare: () => Promise<Holder>): Trial {
  return {
    name,
    async trial() {
      const holder = await prepare()
      // what the first ones bring with them, code and shapes, is not a session
      await holder.open(WARM_UP)
      const before = heap()
      await holder.open(count)
      const cost = (heap() - before) / count
      await holder.release()
      return { times: count, cost, seen: {}, others: 0 }
    },
  }
}

const WARM_UP = 100

function heap(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

let collector: (() => void) | undefined

function collect(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc')
    collector = runInNewContext('gc') as () => void
  }
  collector()
}

const opening = (index: number) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: index,
    method: 'initialize',
    params: {
      protocolVersion: REVISION,
      capabilities: { roots: { listChanged: true }, sampling: {} },
      clientInfo: { name: `desktop-${index}`, version: '1.0.0' },
    },
  })

async function fillTable(): Promise<Holder> {
  const sessions = createSessions({
    clock: systemClock,
    max: () => Number.POSITIVE_INFINITY,
    createId: randomUUID,
    ended() {},
  })
  let made = 0
  return {
    async open(count) {
      for (let i = 0; i < count; i++) {
        const { params } = JSON.parse(opening(made++))
        sessions.open({
          revision: REVISION,
          principal: ANONYMOUS,
          client: params.clientInfo,
          capabilities: params.capabilities,
        })
      }
      if (sessions.size !== made) throw new Error(`${sessions.size} of ${made} sessions`)
    },
    release: async () => sessions.close(),
  }
}

async function openByClients(): Promise<Holder> {
  const gateway = await createGateway({
    config: { version: 1, limits: { sessions: COUNTS.gateway + WARM_UP } },
    log: silentLogger,
  })
  const server = express().use('/mcp', gateway.mcp()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: LANES })
  const ids = new Set<unknown>()
  let made = 0
  const open = async () => {
    const { headers, statusCode, body } = await pool.request({
      method: 'POST',
      path: '/mcp',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: opening(made++),
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`initialize got ${statusCode}: ${text.slice(0, 300)}`)
    return headers['mcp-session-id']
  }
  return {
    async open(count) {
      let left = count
      const lane = async () => {
        while (left-- > 0) ids.add(await open())
      }
      await Promise.all(Array.from({ length: LANES }, lane))
      const sessions = ids.size
      // the list of ids is the client's, not the gateway's
      ids.clear()
      if (sessions !== count) throw new Error(`${sessions} of ${count} sessions`)
    },
    async release() {
      await pool.destroy()
      server.close()
      server.closeAllConnections()
      await gateway.close()
    },
  }
}

type MakeServer = () => Promise<{ close(): Promise<void> }>

function serversOf(make: MakeServer): () => Promise<Holder> {
  return async () => {
    const servers: Awaited<ReturnType<MakeServer>>[] = []
    return {
      async open(count) {
        for (let i = 0; i < count; i++) servers.push(await make())
      },
      async release() {
        for (const server of servers) await server.close()
      },
    }
  }
}

const INFO = { name: 'bench', version: '1.0.0' }
const ECHO = { description: 'answers' }
const answer = async () => ({ content: [{ type: 'text' as const, text: 'echo' }] })

async function sdk1() {
  const server = new McpServer1(INFO)
  server.registerTool('echo', ECHO, answer)
  await server.connect(new Transport1({ sessionIdGenerator: randomUUID }) as never)
  return server
}

async function sdk2() {
  const server = new McpServer2(INFO)
  server.registerTool('echo', ECHO, answer)
  await server.connect(new NodeStreamableHTTPServerTransport({ sessionIdGenerator: randomUUID }))
  return server
}
