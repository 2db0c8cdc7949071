// A call that became a task: recognised in the answer to it, and given the id its client knows it by.
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Message } from '../../wire/message.ts'
import { META } from '../../wire/revision.ts'
import { type Edit, editMember } from '../../wire/splice.ts'
import { ownerKey } from '../access/owner.ts'
import type { Call } from '../exchange.ts'

/** What `expose` needs to know besides the server's own id. */
export interface TaskOwner {
  readonly server: string
  readonly tool: string
  readonly labels: readonly string[]
}

/** The extension of the modern era; the legacy era has tasks in its core (2025-11-25 basic/utilities/tasks). */
export const TASKS_EXTENSION = 'io.modelcontextprotocol/tasks'

/** Whether the answer to a call is a task in place of a result. */
export function isTask(call: Call, { result }: Message): boolean {
  if (!isObject(result)) return false
  if (call.exchange.identity.era === 'modern')
    return result.resultType === 'task' && typeof result.taskId === 'string'
  const { inner } = call.message.scan
  return inner.get('task') !== undefined && isObject(result.task) && result.content === undefined
}

const TASK: ReadonlySet<string> = new Set([
  'resultType',
  'taskId',
  'status',
  'statusMessage',
  'createdAt',
  'lastUpdatedAt',
  'ttl',
  'ttlMs',
  'pollInterval',
  'pollIntervalMs',
])

/** A task and nothing else: whatever more came with it is something no point has seen, and the client can fetch it. */
export function bareTask({ result }: Message): JsonObject {
  const { task, ...flat } = result as JsonObject
  return isObject(task) ? { task: ownMembers(task) } : ownMembers(flat)
}

function ownMembers(task: Record<string, unknown>): JsonObject {
  return Object.fromEntries(Object.entries(task).filter(([name]) => TASK.has(name))) as JsonObject
}

/** The server's own ids in a result, as the client knows them: of the task itself, and of the one a message relates to. */
export function taskEdits(call: Call, owner: TaskOwner, reply: Message): Edit[] {
  const { result } = reply
  if (!isObject(result)) return []
  const expose = (id: string) => exposeTask(call, owner, id)
  const edits: Edit[] = []
  if (typeof result.taskId === 'string')
    edits.push(...editMember(reply, ['result', 'taskId'], expose(result.taskId)))
  const { task } = result
  if (isObject(task) && typeof task.taskId === 'string')
    edits.push(...editMember(reply, ['result', 'task'], { ...task, taskId: expose(task.taskId) }))
  const related = isObject(result._meta) ? result._meta[META.relatedTask] : undefined
  if (isObject(related) && typeof related.taskId === 'string') {
    const value = { ...related, taskId: expose(related.taskId) }
    edits.push(...editMember(reply, ['result', '_meta', META.relatedTask], value))
  }
  return edits
}

export function exposeTask(call: Call, { server, tool, labels }: TaskOwner, id: string): string {
  const { principal } = call.exchange.identity
  return call.room.tasks.expose(ownerKey(principal), { server, id, tool, labels })
}
