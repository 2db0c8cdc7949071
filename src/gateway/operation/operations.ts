// The table of operations on an upstream: what differs between tools/call, prompts/get and resources/read.
import type { JsonObject } from '../../base/json.ts'
import { POINTS, type PointName } from '../../points/table.ts'
import type { Upstream } from '../../upstream/client.ts'
import type { ParamHeader } from '../../wire/headers.ts'
import type { ListKind } from '../catalog/listing.ts'
import type { OwnName } from '../catalog/names.ts'

/** What differs between the operations; everything else is the same code. */
export interface Operation {
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
}

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'tools/call': {
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
    pre: 'resource_pre_fetch',
    post: 'resource_post_fetch',
    kind: 'resources',
    member: 'uri',
    inputs: [],
    outputs: ['contents', '_meta'],
    result: POINTS.resource_pre_fetch.answer as (value: unknown) => boolean,
    cacheable: true,
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
