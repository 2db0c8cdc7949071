// The table of operations on an upstream: what differs between tools/call, prompts/get, resources/read and completion/complete.
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Right } from '../../identity/rights.ts'
import { POINTS, type PointName } from '../../points/table.ts'
import type { Upstream } from '../../upstream/client.ts'
import type { ParamHeader } from '../../wire/headers.ts'
import type { Message } from '../../wire/message.ts'
import type { Edit } from '../../wire/splice.ts'
import type { AimKind } from '../access/permit.ts'
import type { ListKind } from '../catalog/listing.ts'
import type { OwnName } from '../catalog/names.ts'
import type { Call } from '../exchange.ts'
import { COMPLETION } from './completion.ts'

/** What differs between the operations; everything else is the same code. */
export interface Operation {
  /** What its caller has to have. */
  readonly right: Right
  readonly aim: AimKind
  readonly pre: PointName
  readonly post: PointName
  readonly kind: ListKind
  /** The member of params that names the target. */
  readonly member: 'name' | 'uri'
  /** Members of params a patch may change, besides the target. */
  readonly inputs: readonly string[]
  /** Members of the result a patch may change. */
  readonly outputs: readonly string[]
  readonly result: (value: unknown) => boolean
  /** Modern results of this kind say how long they may be kept. */
  readonly cacheable: boolean
  /** Only where target and result do not stand in params and result as such. */
  readonly form?: OperationForm
}

/** How an operation is read and written that names its target and gives its result in a way of its own. */
export interface OperationForm {
  /** What its caller has to have, by what the message is about. */
  needs(message: Message): Pick<Operation, 'right' | 'aim'>
  find(call: Call): Promise<Target>
  /** The payload of the pre-point. */
  before(message: Message, target: Target): Payload
  /** The target under the server's own name. */
  rename(message: Message, own: string): Edit[]
  /** The payload of the post-point; `seen` has the result or the error. */
  after(target: Target, sent: Payload, seen: Payload): Payload
  /** What policies changed in the server's result. */
  replyEdits(reply: Message, after: Payload): Edit[]
  /** The result that a policy's answer becomes. */
  answer(answer: JsonObject, after: Payload): JsonObject
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'tools/call': {
    right: 'mcp:tool.call',
    aim: 'tool',
    pre: 'tool_pre_invoke',
    post: 'tool_post_invoke',
    kind: 'tools',
    member: 'name',
    inputs: ['arguments'],
    outputs: ['content', 'structuredContent', 'isError', '_meta'],
    result: POINTS.tool_pre_invoke.answer as (value: unknown) => boolean,
    cacheable: false,
  },
  'prompts/get': {
    right: 'mcp:prompt.get',
    aim: 'prompt',
    pre: 'prompt_pre_fetch',
    post: 'prompt_post_fetch',
    kind: 'prompts',
    member: 'name',
    inputs: ['arguments'],
    outputs: ['messages', 'description', '_meta'],
    result: POINTS.prompt_pre_fetch.answer as (value: unknown) => boolean,
    cacheable: false,
  },
  'resources/read': {
    right: 'mcp:resource.read',
    aim: 'resource',
    pre: 'resource_pre_fetch',
    post: 'resource_post_fetch',
    kind: 'resources',
    member: 'uri',
    inputs: [],
    outputs: ['contents', '_meta'],
    result: POINTS.resource_pre_fetch.answer as (value: unknown) => boolean,
    cacheable: true,
  },
  'completion/complete': {
    // of a prompt; of a resource, what its form says
    right: 'mcp:prompt.get',
    aim: 'prompt',
    pre: 'argument_pre_complete',
    post: 'argument_post_complete',
    kind: 'prompts',
    member: 'name',
    inputs: ['argument'],
    outputs: [],
    result: (value) =>
      isObject(value) &&
      (POINTS.argument_pre_complete.answer as (value: unknown) => boolean)(value.completion),
    cacheable: false,
    form: COMPLETION,
  },
}

/** What a name or URI of a client stands for. */
export interface Target {
  readonly upstream: Upstream
  readonly own: OwnName
  readonly exposed: string
  readonly definition: JsonObject | undefined
  /** Arguments of a tool that are repeated in headers. */
  readonly params: readonly ParamHeader[] | undefined
}

/** A point's payload while an operation is being put together. */
export type Payload = Record<string, unknown>
