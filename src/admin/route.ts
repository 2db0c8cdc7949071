// One row of the table of routes: everything the pipeline, the OpenAPI document and the tests need to know of an operation.
import type { JsonObject } from '../base/json.ts'
import type { Principal } from '../engine/context.ts'
import type { Kind, Right } from '../identity/rights.ts'
import type { ApiRooms, CursorSigner } from './handle.ts'
import type { Condition } from './request/etag.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A parameter of the query: a JSON Schema with one scalar type, and what it is for. */
export interface Parameter {
  readonly type: 'string' | 'integer' | 'boolean'
  readonly description: string
  readonly [keyword: string]: unknown
}

export interface RequestBody {
  readonly type: 'application/json' | 'application/merge-patch+json'
  /** What the document shows; may refer to its components. */
  readonly schema: JsonObject
  /** What the pipeline checks; the registry checks the inside of an entity. */
  readonly check: JsonObject
  readonly required: boolean
}

export interface AnswerSpec {
  readonly description: string
  /** Undefined: no content. */
  readonly type?: 'application/json' | 'application/jsonl' | 'text/plain'
  readonly schema?: JsonObject
  readonly headers?: readonly AnswerHeader[]
}

export type AnswerHeader = 'ETag' | 'Location' | 'Link'
export type RequestHeader = 'If-Match' | 'If-None-Match' | 'Idempotency-Key'

export interface Route {
  readonly method: Method
  /** Below /api/v1; its one parameter, if any, is `{id}`. */
  readonly path: string
  /** The operation's name in the document. */
  readonly operation: string
  readonly about: string
  /** Undefined: for everybody who is authenticated. */
  readonly right: Right | undefined
  readonly kind: Kind | undefined
  /** Whose it is: of the gateway as a whole, which is no tenant's, or of the caller's own tenant. */
  readonly reach: 'tenant' | 'gateway'
  readonly query: Readonly<Record<string, Parameter>>
  readonly headers: readonly RequestHeader[]
  readonly body?: RequestBody | undefined
  readonly answers: Readonly<Record<number, AnswerSpec>>
  /** Statuses of its own problems, beside those that every operation has. */
  readonly problems: readonly number[]
  handle(call: Call, rooms: ApiRooms): Answer | Promise<Answer>
}

/** A request that has been let in: authenticated, authorised, checked. */
export interface Call {
  readonly principal: Principal
  readonly requestId: string
  readonly id: string
  readonly query: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body: JsonObject | undefined
  readonly ifMatch: Condition | undefined
  readonly ifNoneMatch: Condition | undefined
  readonly idempotency: { readonly key: string; readonly digest: string } | undefined
  /** The path of the API as the caller sees it, such as /ops/api/v1. */
  readonly base: string
  readonly cursors: CursorSigner
}

export type Answer =
  | {
      readonly status: number
      readonly body?: object
      readonly headers?: Readonly<Record<string, string>>
    }
  /** As it is, with its type. */
  | { readonly status: number; readonly text: string; readonly type: string }
  /** Texts of a stream; ends early when the caller goes away. */
  | { readonly status: number; readonly lines: AsyncIterable<string> }
