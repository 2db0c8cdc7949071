// Carries out one operation on one surface, as a client without any SDK would; it judges nothing but that it was answered.
import { request } from 'node:http'
import { openEvents, until } from '../../gateway/events.ts'
import { modernRequest, rpc } from '../../support/rpc.ts'
import type { Action, Operation } from './operations.ts'
import type { Running } from './start.ts'
import type { Surface } from './surfaces.ts'

interface Drive {
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
  // a name of its own for each cell, so that no opening is known already
  const client = { name: `${operation.trigger ?? 'plain'}#${++clients}`, version: '1' }
  const headers: Record<string, string> = {
    accept:
      surface.accept === 'stream' ? 'text/event-stream' : 'application/json, text/event-stream',
  }
  const drive: Drive = { running, surface, operation, client, headers }
  if (operation.action === 'announce') return announce(drive)
  if (operation.action === 'stream-reload') return reloadUnder(drive)
  if (surface.era === 'legacy' && operation.action !== 'open') await openSession(drive)
  if (operation.known) await send(drive)
  if (operation.trigger) headers['x-trigger'] = operation.trigger
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
  hold.waiting?.()
  await sent
}

async function openSession(drive: Drive): Promise<void> {
  const { running, client, headers } = drive
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: client }
  const body = { jsonrpc: '2.0', id: 'open', method: 'initialize', params }
  const { headers: given, status, text } = await rpc(running.url, body)
  const session = given.get('mcp-session-id')
  if (session === null) throw new Error(`no session: ${status} ${text}`)
  headers['mcp-session-id'] = session
  headers['mcp-protocol-version'] = '2025-11-25'
  const own = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }
  opened.set(running, [...(opened.get(running) ?? []), own])
}

const METHODS: Readonly<Partial<Record<Action, string>>> = {
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
  ping: 'ping',
  'set-level': 'logging/setLevel',
  'unknown-method': 'no/such/method',
}

function paramsOf({ running: { names }, operation: { action } }: Drive): Record<string, unknown> {
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
    await rpc(running.url, '{"jsonrpc":', modernVersion(surface, headers))
    return
  }
  if (action === 'duplicate-member') {
    const body = '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}'
    await rpc(running.url, body, modernVersion(surface, headers))
    return
  }
  if (action === 'bad-host') return badHost(drive)
  const { body, headers: all } = messageOf(drive)
  const answer = await rpc(running.url, body, all)
  if (answer.status >= 500) throw new Error(`HTTP ${answer.status} ${answer.text}`)
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
async function stream({ running, surface, headers }: Drive, meanwhile: () => Promise<void>) {
  const end = new AbortController()
  const answer = await fetch(running.url, {
    headers: { ...modernVersion(surface, headers), accept: 'text/event-stream' },
    signal: end.signal,
  })
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

/** A server says that its tools have changed, while a client that has a stream keeps it open. */
async function announce(drive: Drive): Promise<void> {
  const { running, surface } = drive
  const { recorder, counter } = running
  for (const session of opened.get(running) ?? [])
    await rpc(running.url, '', session, { method: 'DELETE' })
  const change = async () => {
    if (surface.reload) await running.reload()
    await running.gateway.engine.observers.idle()
    counter.reset()
    recorder.announce({ method: 'notifications/tools/list_changed' })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  if (surface.era === 'modern') return change()
  await openSession(drive)
  await stream(drive, change)
}

async function badHost({ running, surface, headers }: Drive): Promise<void> {
  const all = {
    'content-type': 'application/json',
    ...modernVersion(surface, headers),
    host: 'evil.example',
  }
  await new Promise<void>((resolve, reject) => {
    const sent = request(running.url, { method: 'POST', headers: all }, (answer) => {
      answer.resume().once('end', resolve)
    })
    sent.once('error', reject).end('{}')
  })
}
