// The methods of tasks, in both eras: ids mapped, results and questions shown to the points of the call the task came from.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { RequestContext } from '../../engine/context.ts'
import type { Upstream, UpstreamLink } from '../../upstream/client.ts'
import type { Message } from '../../wire/message.ts'
import { type Edit, editMember, splice } from '../../wire/splice.ts'
import { ownerKey } from '../access/owner.ts'
import { authorise } from '../access/permit.ts'
import type { Answer } from '../answer.ts'
import { type Call, derivedRequest } from '../exchange.ts'
import { type Denied, inspectResponses, putQuestions } from '../input/rounds.ts'
import { linkFor } from '../links.ts'
import { OPERATIONS, type Operation, type Payload } from '../operation/operations.ts'
import { Outgoing } from '../operation/outgoing.ts'
import { refused, runnerAt } from '../operation/point.ts'
import { idEdits, refuseUnwired, replyEdits, statusOf, strayEdits } from '../operation/reply.ts'
import { type OwnTask, unknownTask } from './ids.ts'
import { taskEdits } from './result.ts'

const TOOL = OPERATIONS['tools/call'] as Operation

/** tasks/get, tasks/result, tasks/update and tasks/cancel. Rejects with a fault. */
export async function operateTask(call: Call): Promise<Answer> {
  const { exchange, message, room } = call
  const task = room.tasks.own(ownerKey(exchange.identity.principal), message.params?.taskId)
  const upstream = serverOf(call, task)
  await assertShown(call, task)
  exchange.request.server = upstream.info
  exchange.request.target = task.tool
  for (const label of task.labels) exchange.request.addLabel(label)
  const { right, aim } = TOOL
  const permit = await authorise(call, right, aim, { server: task.server, name: task.tool })
  if ('denied' in permit) return permit.denied
  const responses = await responsesOf(call, upstream)
  if ('denied' in responses) return responses.denied
  const link = await linkOf(call, upstream)
  const edits = [...editMember(message, ['params', 'taskId'], task.id), ...responses.edits]
  const sent = new Outgoing(call, upstream, {
    permit,
    target: task.id,
    edits,
    headers: undefined,
    relay: undefined,
  })
  const { message: reply } = await link.request(sent)
  if (sent.forwarded) await sent.forwarded
  exchange.request.origin = 'upstream'
  refuseUnwired(reply)
  const own = [...idEdits(reply, message.id), ...taskEdits(call, task, reply), ...strayEdits(reply)]
  const shown = await shownEdits(call, upstream, task, reply)
  if ('denied' in shown) return shown.denied
  return { bytes: splice(reply.bytes, [...own, ...shown.edits]), status: statusOf(reply, call) }
}

type Edits = { readonly edits: readonly Edit[] }
const NONE: Edits = { edits: [] }

function serverOf({ exchange }: Call, { server }: OwnTask): Upstream {
  const upstream = exchange.runtime.upstreams.get(server)
  if (!upstream) throw unknownTask()
  const { refusal } = upstream
  if (refusal) throw refusal
  return upstream
}

/** Where its tool is not selected, a task is none either. */
async function assertShown({ exchange }: Call, { server, tool }: OwnTask): Promise<void> {
  const { virtualServer, catalogs } = exchange.runtime
  if (!virtualServer) return
  if (!(await catalogs[exchange.identity.era].reaches('tools', { server, name: tool })))
    throw unknownTask()
}

/** Tasks do not cross eras: they are not what they were on the other side. */
async function linkOf(call: Call, upstream: Upstream): Promise<UpstreamLink> {
  const link = await linkFor(call, upstream)
  if (link.era !== call.exchange.identity.era) throw unknownTask()
  return link
}

/** Answers that come with tasks/update pass their post-points like those of a retried call. */
async function responsesOf(call: Call, upstream: Upstream): Promise<Edits | Denied> {
  const given = call.message.params?.inputResponses
  if (given === undefined) return NONE
  const found = await inspectResponses(call, upstream, isObject(given) ? given : {}, TOOL.pre)
  if ('denied' in found) return found
  return { edits: editMember(call.message, ['params', 'inputResponses'], found.answers) }
}

/** What is shown of a task: the result of its call, at once (legacy) or inside the task (modern), and what it needs to go on. */
async function shownEdits(
  call: Call,
  upstream: Upstream,
  task: OwnTask,
  reply: Message,
): Promise<Edits | Denied> {
  const { result } = reply
  if (reply.kind === 'error' || call.message.method === 'tasks/result')
    return resultEdits(call, task, reply)
  if (!isObject(result)) return NONE
  const questions = await questionEdits(call, upstream, reply, result)
  if ('denied' in questions) return questions
  const ended = await endEdits(call, task, reply, result)
  return 'denied' in ended ? ended : { edits: [...questions.edits, ...ended.edits] }
}

/** How the call of a modern task ended: with its result, or the error in its place. */
async function endEdits(
  call: Call,
  task: OwnTask,
  reply: Message,
  shown: Record<string, unknown>,
): Promise<Edits | Denied> {
  const edits: Edit[] = []
  for (const member of ['result', 'error'] as const) {
    const end = shown[member]
    if (end === undefined || end === null) continue
    if (member === 'result' ? !TOOL.result(end) : !isObject(end)) throw wrongShape()
    const found = await judged(call, task, { [member]: end }, JSON.stringify(end).length)
    if ('denied' in found) return found
    const after = found.after[member]
    if (after !== end) edits.push(...editMember(reply, ['result', member], after))
  }
  return { edits }
}

function wrongShape(): AppError {
  return new AppError('UPSTREAM_PROTOCOL', 'the result of a task has the wrong shape')
}

async function questionEdits(
  call: Call,
  upstream: Upstream,
  reply: Message,
  { inputRequests }: Record<string, unknown>,
): Promise<Edits | Denied> {
  if (!isObject(inputRequests)) return NONE
  const put = await putQuestions(call, upstream, inputRequests, TOOL.pre)
  if ('denied' in put) return put
  // an answer that a policy has given cannot be sent from here: the client is told nothing, and the task waits
  return { edits: editMember(reply, ['result', 'inputRequests'], put.open) }
}

async function resultEdits(call: Call, task: OwnTask, reply: Message): Promise<Edits | Denied> {
  const seen = reply.kind === 'error' ? { error: reply.error } : { result: reply.result }
  if (reply.kind === 'result' && !TOOL.result(reply.result)) throw wrongShape()
  const found = await judged(call, task, seen as Payload, reply.bytes.length)
  return 'denied' in found ? found : { edits: replyEdits(reply, TOOL, found.after) }
}

/** For policies it is the end of the call that it was, whatever method the client asks with. */
async function asEndOfCall<T>({ exchange }: Call, work: (request: RequestContext) => T) {
  const { request: asked } = exchange
  const request = derivedRequest(exchange, 'tools/call', undefined)
  request.target = asked.target
  request.origin = 'upstream'
  const gone = { interrupt: () => request.abort() }
  if (asked.aborted) request.abort()
  else asked.enter(gone)
  try {
    return await work(request)
  } finally {
    asked.leave(gone)
    const kept = exchange.identity.sessionLabels?.values
    for (const label of request.labels) if (!kept?.has(label)) asked.addLabel(label)
    if (request.passes) asked.passes = [...(asked.passes ?? []), ...request.passes]
  }
}

async function judged(
  call: Call,
  task: OwnTask,
  seen: Payload,
  bytes: number,
): Promise<{ readonly after: Payload } | Denied> {
  const runner = runnerAt(call, TOOL.post, task.tool)
  if (!runner) return { after: seen }
  const before = { server: task.server, name: task.tool, exposedName: task.tool, ...seen }
  const outcome = await asEndOfCall(call, (request) => runner.dispatch(before, request, { bytes }))
  if (outcome.kind !== 'pass') return { denied: refused(call, TOOL.post, outcome, true) }
  return { after: outcome.payload as JsonObject }
}
