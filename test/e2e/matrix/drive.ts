// Carries out one operation on one surface, as a client without any SDK would; it judges nothing but that it was answered.
import { request } from 'node:http'
import { callAnswering } from '../../gateway/answering.ts'
import { openEvents, until } from '../../gateway/events.ts'
import type { Peer } from '../../gateway/peers.ts'
import { ABLE, ASK, TOLD } from '../../gateway/questioner.ts'
import { modernRequest, rpc } from '../../support/rpc.ts'
import { inBatch, onStdio } from './on-stdio.ts'
import type { Action, Operation } from './operations.ts'
import { carryOutOverSse } from './over-sse.ts'
import { type Running, WATCHED } from './start.ts'
import type { Surface } from './surfaces.ts'

export interface Drive {
  readonly running: Running
  readonly surface: Surface
  readonly operation: Operation
  readonly client: { readonly name: string; readonly version: string }
  readonly headers: Record<string, string>
}

/** More than one request: none of them is held for a reload. */
const SEVERAL: ReadonlySet<Action> = new Set(['stream-end', 'resume', 'resume-call'])

/** Sessions that were opened so far and may have streams that wait for their clients. */
const opened = new WeakMap<Running, Record<string, string>[]>()

let clients = 0

/** Prepares, forgets what was counted so far, and carries the operation out. */
export async function carryOut(
  running: Running,
  surface: Surface,
  operation: Operation,
): Promise<void> {
  await running.steady()
  // a name of its own for each cell, so that no opening is known already
  const client = { name: `${operation.trigger ?? 'plain'}#${++clients}`, version: '1' }
  const headers: Record<string, string> = {
    accept:
      surface.accept === 'stream' ? 'text/event-stream' : 'application/json, text/event-stream',
  }
  const drive: Drive = { running, surface, operation, client, headers }
  if (surface.mount === 'stdio') {
    const { action, known = false } = operation
    return onStdio({ running, surface, action, known, client, body: () => messageOf(drive).body })
  }
  if (surface.door === 'sse') return carryOutOverSse(drive)
  if (operation.action === 'announce' || operation.action === 'update') return announce(drive)
  if (operation.action === 'stream-reload') return reloadUnder(drive)
  if (surface.era === 'legacy' && operation.action !== 'open') await openSession(drive)
  if (operation.known) await send(drive)
  if (operation.trigger) headers['x-trigger'] = operation.trigger
  // observers of what came before run a little later, and count for nothing here
  await new Promise((resolve) => setTimeout(resolve, 5))
  await running.gateway.engine.observers.idle()
  running.counter.reset()
  if (!surface.reload || SEVERAL.has(operation.action)) return send(drive)
  headers['x-hold'] = '1'
  const { hold } = running.counter
  const arrived = new Promise<void>((resolve) => {
    hold.arrived = resolve
  })
  const sent = send(drive)
  await arrived
  await running.reload()
  // what follows in the same operation is not held
  delete headers['x-hold']
  hold.waiting?.()
  await sent
}

async function openSession(drive: Drive): Promise<void> {
  const { running, surface, client, headers } = drive
  const version = surface.batch ? '2025-03-26' : '2025-11-25'
  const capabilities = capabilitiesOf(drive)
  const params = { protocolVersion: version, capabilities, clientInfo: client }
  const body = { jsonrpc: '2.0', id: 'open', method: 'initialize', params }
  const { headers: given, status, text } = await rpc(running.url, body)
  const session = given.get('mcp-session-id')
  if (session === null) throw new Error(`no session: ${status} ${text}`)
  headers['mcp-session-id'] = session
  headers['mcp-protocol-version'] = version
  const own = { 'mcp-session-id': session, 'mcp-protocol-version': version }
  opened.set(running, [...(opened.get(running) ?? []), own])
}

export const METHODS: Readonly<Partial<Record<Action, string>>> = {
  'list-tools': 'tools/list',
  'list-prompts': 'prompts/list',
  'list-resources': 'resources/list',
  'list-templates': 'resources/templates/list',
  call: 'tools/call',
  'call-progress': 'tools/call',
  'resume-call': 'tools/call',
  'call-failing': 'tools/call',
  'call-down': 'tools/call',
  'call-unknown': 'tools/call',
  'get-prompt': 'prompts/get',
  'get-prompt-wrong': 'prompts/get',
  'read-resource': 'resources/read',
  'read-resource-wrong': 'resources/read',
  complete: 'completion/complete',
  'complete-unknown': 'completion/complete',
  subscribe: 'resources/subscribe',
  unsubscribe: 'resources/unsubscribe',
  listen: 'subscriptions/listen',
  ping: 'ping',
  'set-level': 'logging/setLevel',
  'unknown-method': 'no/such/method',
}

export function paramsOf({
  running: { names },
  operation: { action },
}: Drive): Record<string, unknown> {
  switch (action) {
    case 'call':
      return { name: names.tool, arguments: names.arguments }
    case 'call-progress':
    case 'resume-call':
      return {
        name: names.progress,
        arguments: names.progressArguments,
        _meta: { progressToken: 'p' },
      }
    case 'call-failing':
      return { name: names.failing, arguments: names.failingArguments }
    case 'call-down':
      return { name: names.down, arguments: {} }
    case 'call-unknown':
      return { name: 'real__nonexistent', arguments: {} }
    case 'get-prompt':
      return { name: names.prompt }
    case 'get-prompt-wrong':
      return { name: names.wrongPrompt, arguments: {} }
    case 'read-resource':
      return { uri: names.resource }
    case 'read-resource-wrong':
      return { uri: names.wrongResource }
    case 'complete':
      return { ref: names.ref, argument: names.argument }
    case 'complete-unknown':
      return { ref: { type: 'ref/prompt', name: 'real__nonexistent' }, argument: names.argument }
    case 'subscribe':
    case 'unsubscribe':
      return { uri: WATCHED }
    case 'listen':
      return { notifications: { toolsListChanged: true, resourceSubscriptions: [WATCHED] } }
    case 'set-level':
      return { level: 'error' }
    default:
      return {}
  }
}

async function send(drive: Drive): Promise<void> {
  const { running, surface, operation, headers } = drive
  const { action } = operation
  if (action === 'stream') return stream(drive, async () => {})
  if (action === 'stream-end') return stream(drive, () => endSession(drive))
  if (action === 'resume') return resume(drive)
  if (action === 'resume-call') return resumeCall(drive)
  if (action === 'end') return endSession(drive)
  if (action === 'not-json') {
    const text = '{"jsonrpc":'
    await rpc(running.url, surface.batch ? inBatch(text) : text, modernVersion(surface, headers))
    return
  }
  if (action === 'duplicate-member') {
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}'
    await rpc(running.url, surface.batch ? inBatch(body) : body, modernVersion(surface, headers))
    return
  }
  if (action === 'bad-host') return badHost(drive)
  if (action === 'listen') return listen(drive, async () => {})
  if (action === 'ask' || action === 'confirm') return answering(drive)
  const { body, headers: all } = messageOf(drive)
  const sent = surface.batch ? inBatch(JSON.stringify(body)) : body
  const answer = await rpc(running.url, sent, all)
  if (answer.status >= 500) throw new Error(`HTTP ${answer.status} ${answer.text}`)
}

/** Only who says so can be asked; a server that lists roots on its own account would be counted with the rest. */
function capabilitiesOf({ operation: { action } }: Drive): object {
  if (action === 'ask') return ABLE
  return action === 'confirm' ? { elicitation: {} } : {}
}

/** A call during which the client is asked, and answers. */
async function answering(drive: Drive): Promise<void> {
  const { running, surface, operation, client, headers } = drive
  const { asks, declined } = operation
  const questions = asks?.rounds.map((kind) => ({ [kind]: ASK[kind] }))
  const params = asks
    ? { name: `${asks.server}__ask`, arguments: { rounds: questions } }
    : { name: running.names.tool, arguments: running.names.arguments }
  const peer: Pick<Peer, 'era' | 'url' | 'headers' | 'request'> = {
    era: surface.era,
    url: running.url,
    headers,
    request(method, given = {}, { id = 1 } = {}) {
      const meta = { 'io.modelcontextprotocol/clientInfo': client }
      const more = { id, capabilities: capabilitiesOf(drive) }
      const made = modernRequest(method, { ...given, _meta: meta }, more)
      return rpc(running.url, made.body, { ...made.headers, ...headers })
    },
  }
  const { response } = await callAnswering(peer as Peer, ['tools/call', params], ({ method }) => {
    if (method === 'sampling/createMessage') return TOLD.sample
    if (method === 'roots/list') return TOLD.roots
    return declined ? { action: 'decline' } : TOLD.elicit
  })
  if (!response) throw new Error('the call was not answered')
}

function messageOf(drive: Drive): { body: object; headers: Record<string, string> } {
  const { surface, operation, client, headers } = drive
  const { action } = operation
  if (action === 'notify') return notification(drive)
  if (surface.era === 'modern') {
    const meta = { 'io.modelcontextprotocol/clientInfo': client }
    const params = paramsOf(drive)
    const merged = { ...params, _meta: { ...(params._meta as object), ...meta } }
    const made = modernRequest(METHODS[action] ?? 'server/discover', merged)
    return { body: made.body, headers: { ...made.headers, ...headers } }
  }
  const params =
    action === 'open'
      ? { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: client }
      : paramsOf(drive)
  const method = METHODS[action] ?? 'initialize'
  return { body: { jsonrpc: '2.0', id: 1, method, params }, headers }
}

function notification({ surface, client, headers }: Drive): ReturnType<typeof messageOf> {
  const method = 'notifications/cancelled'
  const params = { requestId: 'nothing' }
  if (surface.era === 'legacy') return { body: { jsonrpc: '2.0', method, params }, headers }
  const made = modernRequest(method, {
    ...params,
    _meta: { 'io.modelcontextprotocol/clientInfo': client },
  })
  const { id: _, ...body } = made.body
  return { body, headers: { ...made.headers, ...headers } }
}

const modernVersion = ({ era }: Surface, headers: Record<string, string>) =>
  era === 'modern' ? { ...headers, 'mcp-protocol-version': '2026-07-28' } : headers

/** Opens a GET stream, does something while it is open, and closes it. */
function stream({ running, surface, headers }: Drive, meanwhile: () => Promise<void>) {
  const all = { ...modernVersion(surface, headers), accept: 'text/event-stream' }
  return standing(running.url, { headers: all }, meanwhile)
}

/** Sends subscriptions/listen, does something once it is acknowledged, and goes away. */
function listen(drive: Drive, meanwhile: () => Promise<void>) {
  const { body, headers } = messageOf({
    ...drive,
    operation: { ...drive.operation, action: 'listen' },
  })
  const all = { 'content-type': 'application/json', ...headers }
  const sent = { method: 'POST', headers: all, body: JSON.stringify(body) }
  return standing(drive.running.url, sent, meanwhile)
}

async function standing(url: string, sent: RequestInit, meanwhile: () => Promise<void>) {
  const end = new AbortController()
  const answer = await fetch(url, { ...sent, signal: end.signal })
  const reader = answer.body?.getReader()
  if (answer.status === 200) await reader?.read()
  try {
    await meanwhile()
  } finally {
    await reader?.cancel().catch(() => {})
    end.abort()
  }
}

async function endSession({ running, surface, headers }: Drive): Promise<void> {
  await rpc(running.url, '', modernVersion(surface, headers), { method: 'DELETE' })
}

/** Leaves a stream in the middle, and comes back for the rest. */
async function resume(drive: Drive): Promise<void> {
  const { running, surface, headers } = drive
  const all = modernVersion(surface, headers)
  let last = '1'
  if (surface.era === 'legacy') {
    const left = await openEvents(running.url, { headers: all })
    await until(() => left.events.length > 0)
    last = left.events.at(-1)?.id ?? ''
    left.leave()
    await running.gateway.engine.observers.idle()
    running.counter.reset()
  }
  const again = await openEvents(running.url, { headers: { ...all, 'last-event-id': last } })
  again.leave()
}

async function resumeCall(drive: Drive): Promise<void> {
  const { running, surface } = drive
  if (surface.era === 'modern') return resume(drive)
  const { body, headers } = messageOf(drive)
  const left = await openEvents(running.url, { headers: { ...headers }, body })
  await until(() => left.messages().length > 0)
  const last = left.events.at(-1)?.id ?? ''
  left.leave()
  const again = await openEvents(running.url, {
    headers: { ...drive.headers, accept: 'text/event-stream', 'last-event-id': last },
  })
  await again.ended
}

/** A reload while a client has a stream open. */
async function reloadUnder(drive: Drive): Promise<void> {
  const { running, surface } = drive
  if (surface.era === 'modern') return running.reload().then(() => running.counter.reset())
  await openSession(drive)
  await stream(drive, async () => {
    running.counter.reset()
    await running.reload()
    await new Promise((resolve) => setTimeout(resolve, 20))
  })
}

/** A server says that its tools, or a resource, have changed, while a client keeps a stream or subscription open. */
async function announce(drive: Drive): Promise<void> {
  const { running, surface, operation } = drive
  const { counter } = running
  for (const session of opened.get(running) ?? [])
    await rpc(running.url, '', session, { method: 'DELETE' })
  const change = async () => {
    if (surface.reload) await running.reload()
    await running.gateway.engine.observers.idle()
    counter.reset()
    if (operation.action === 'update') running.update()
    else running.announce()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  if (surface.era === 'modern') return listen(drive, change)
  await openSession(drive)
  if (operation.action === 'update') await rpc(running.url, SUBSCRIBE, drive.headers)
  await stream(drive, change)
}

const SUBSCRIBE = {
  jsonrpc: '2.0',
  id: 'watch',
  method: 'resources/subscribe',
  params: { uri: WATCHED },
}

export async function badHost(
  { running, surface, headers }: Drive,
  url = running.url,
): Promise<void> {
  const all = {
    'content-type': 'application/json',
    ...modernVersion(surface, headers),
    host: 'evil.example',
  }
  await new Promise<void>((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers: all }, (answer) => {
      answer.resume().once('end', resolve)
    })
    sent.once('error', reject).end('{}')
  })
}
