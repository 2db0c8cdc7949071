// Portkey's gateway with guardrails before and after each completion, and the load for it: its protocol is not MCP, its hooks are like ours.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'
import type { Trial } from '../case.ts'
import { MARKER } from '../load/canned.ts'
import { freePort, type Service, start } from '../load/process.ts'

const PROGRAM = new URL('node_modules/@portkey-ai/gateway/build/start-server.js', import.meta.url)
const CONNECTIONS = 32
const REQUESTS = { quick: 500, full: 3000 }

export interface Portkey {
  /** So many guardrails before the request and as many after the answer. */
  trial(name: string, guardrails: number): Trial
  warmUp(): Promise<void>
  close(): Promise<void>
}

export async function startPortkey(): Promise<Portkey> {
  const model = await startModel()
  const port = await freePort()
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS })
  const ask = (guardrails: number) => complete(pool, model.url, guardrails)
  let service: Service | undefined
  const close = async () => {
    await pool.destroy()
    await service?.stop()
    model.close()
  }
  try {
    // https://www.npmjs.com/package/@portkey-ai/gateway, "Quickstart": npx @portkey-ai/gateway
    service = await start({
      name: 'Portkey',
      command: process.execPath,
      args: [PROGRAM.pathname, `--port=${port}`, '--headless'],
      core: 'subject',
      untilReady: () => untilAnswered(() => ask(1)),
    })
  } catch (error) {
    await close()
    throw error
  }
  const { cpu } = service
  return {
    trial: (name, guardrails) => ({
      name,
      async trial(quick) {
        const times = REQUESTS[quick ? 'quick' : 'full']
        const before = cpu()
        await closedLoop(times, () => ask(guardrails))
        return { times, cost: (cpu() - before) / times / 1000, seen: {}, others: 0 }
      },
    }),
    warmUp: () => closedLoop(REQUESTS.full, () => ask(10)),
    close,
  }
}

async function closedLoop(times: number, one: () => Promise<void>): Promise<void> {
  let left = times
  const lane = async () => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
}

async function untilAnswered(ask: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await ask()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

/** https://portkey.ai/docs/product/guardrails, as the README's "Routing & Guardrails" has it. */
const GUARDRAIL = { 'default.contains': { operator: 'none', words: ['Apple'] }, deny: true }

function configOf(model: string, count: number): string {
  const guardrails = Array.from({ length: count }, () => GUARDRAIL)
  return JSON.stringify({
    provider: 'openai',
    api_key: 'none',
    custom_host: model,
    ...(count > 0 ? { input_guardrails: guardrails, output_guardrails: guardrails } : {}),
  })
}

const BODY = JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: 'hello' }] })
const RAN = '"id":"default.contains"'

/** Throws unless the model answered and every guardrail ran before and after it. */
async function complete(pool: Pool, model: string, guardrails: number): Promise<void> {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: {
      'content-type': 'application/json',
      'x-portkey-config': configOf(model, guardrails),
    },
    body: BODY,
  })
  const text = await body.text()
  const ran = text.split(RAN).length - 1
  if (statusCode !== 200 || !text.includes(MARKER) || ran !== 2 * guardrails)
    throw new Error(`Portkey answered ${statusCode}, ${ran} guardrails ran: ${text.slice(0, 300)}`)
}

const ANSWER = JSON.stringify({
  id: 'bench',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: MARKER } }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
})

/** A model that always answers the same; in this process, which is not measured. */
async function startModel(): Promise<{ url: string; close(): void }> {
  const headers = { 'content-type': 'application/json', 'content-length': ANSWER.length }
  const server = createServer((request, response) => {
    request.resume()
    request.once('end', () => response.writeHead(200, headers).end(ANSWER))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
