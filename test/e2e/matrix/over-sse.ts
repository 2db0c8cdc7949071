// The operations of the matrix over HTTP+SSE (2024-11-05): a message is posted, and its answer is waited for on the stream.
import { setTimeout as after } from 'node:timers/promises'
import { openSse, type SsePeer } from '../../gateway/sse-peer.ts'
import { rpc } from '../../support/rpc.ts'
import { badHost, type Drive, METHODS, paramsOf } from './drive.ts'
import { WATCHED } from './start.ts'

/** Of the operation before: what its end fires is not counted for the next. */
let before: SsePeer | undefined

export async function carryOutOverSse(drive: Drive): Promise<void> {
  const { running, operation, client } = drive
  const { action } = operation
  await before?.[Symbol.asyncDispose]()
  await after(30)
  const opening = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo: client }
  const peer = await openSse(running.url, action === 'open' ? undefined : opening)
  before = peer
  if (operation.known) await peer.ask(2, METHODS[action] ?? '')
  if (action === 'update') await peer.ask(3, 'resources/subscribe', { uri: WATCHED })
  await running.gateway.engine.observers.idle()
  running.counter.reset()
  switch (action) {
    case 'open':
      return post(drive, peer, 'initialize', opening)
    case 'announce':
      running.announce()
      return after(50)
    case 'update':
      running.update()
      return after(50)
    case 'stream': {
      await using _other = await openSse(running.url)
      return
    }
    case 'end':
      return peer[Symbol.asyncDispose]()
    case 'notify':
      await peer.send({ method: 'notifications/cancelled', params: { requestId: 'nothing' } })
      return
    case 'not-json':
      await rpc(peer.post, '{"jsonrpc":')
      return
    case 'duplicate-member':
      await rpc(peer.post, '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"ping"}')
      return
    case 'bad-host':
      return badHost(drive, peer.post)
    default:
      return post(drive, peer, METHODS[action] ?? '', paramsOf(drive))
  }
}

async function post(
  { operation: { trigger } }: Drive,
  peer: SsePeer,
  method: string,
  params: Record<string, unknown>,
): Promise<void> {
  const { status } = await peer.send(
    { id: 1, method, params },
    trigger ? { 'x-trigger': trigger } : {},
  )
  if (status === 202) await peer.answer(1)
  else if (status >= 500) throw new Error(`HTTP ${status}`)
}
