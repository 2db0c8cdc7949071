// What a plugin's setup is handed: only what its manifest asked for and the configuration granted. Interfaces, no implementation.
import type { Patch, Payload, PointName } from '../points/table.ts'

export interface PluginLogger {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** A bounded map of this entry's own, kept across reloads; in memory until the store is built. */
export interface PluginStorage {
  get(key: string): unknown
  /** `ttl` in milliseconds. The oldest entry makes room when the map is full. */
  set(key: string, value: unknown, ttl?: number): void
  delete(key: string): void
}

export interface EgressResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** A linear-time regular expression (RE2). */
export interface PluginRegex {
  test(text: string): boolean
  /** Every match from left to right, found as they are asked for; group 1 is at index 0. */
  matchAll(
    text: string,
  ): IterableIterator<{ index: number; text: string; groups: readonly (string | undefined)[] }>
  /** `$1`, `$<name>`, `$&` and `$$` mean what they mean in JavaScript. */
  replaceAll(text: string, replacement: string): string
}

export interface TextOptions {
  /** Names of members too, where they are data: in arguments, structured content and the like. */
  readonly keys?: boolean
  /** Numbers too, as their digits; one that changes becomes a text. */
  readonly numbers?: boolean
  /** `some` only: not what a patch may write, but what else a result carries and passes on, such as members we do not know. */
  readonly fixed?: boolean
}

/**
 * Every text of a payload that a patch may write, wherever MCP hides it: content blocks, embedded resources, structured
 * content, `_meta`, prompt messages, resource contents, list items but for what identifies them, error message and data.
 * Base64 and the members that name types are left alone.
 */
export interface PluginText {
  /** The points whose payload has text. */
  readonly points: readonly PointName[]
  /** Whether the test holds for any text. */
  some<K extends PointName>(
    point: K,
    payload: Payload<K>,
    test: (text: string) => boolean,
    options?: TextOptions,
  ): boolean
  /** The fields for `patch()`; undefined when no text changed. */
  rewrite<K extends PointName>(
    point: K,
    payload: Payload<K>,
    replace: (text: string) => string,
    options?: TextOptions,
  ): Patch<K> | undefined
}

/** What a plugin asks about a server; everything else is the gateway's to know. */
export interface AttestationRequest {
  readonly server: string
  /** Why it is asked, as `server_pre_admit` says it; an answer that still holds is given again unless the cause is a reason to ask anew. */
  readonly cause: string
  /** The server as it is about to be written; absent: as it runs. */
  readonly entity?: Readonly<Record<string, unknown>>
  /** Of the dispatch: nobody waits any more. */
  readonly signal?: AbortSignal
}

/** The verdict of the appraisal policy of a server; `none`: no policy is for it, and none is required. */
export type AttestationVerdict =
  | { readonly decision: 'admit' | 'none'; readonly policy?: string }
  | {
      readonly decision: 'deny'
      readonly policy?: string
      /** Of the table of reasons (docs/attestation.md). */
      readonly reason: string
      readonly stage: string
      /** One sentence, the same in API, command line and audit. */
      readonly says: string
      /** What the operator does next. */
      readonly next: string
    }

export interface PluginHost {
  /** The name of the entry this instance is for. */
  readonly entry: string
  /** The points this entry is bound to. */
  readonly points: readonly string[]
  readonly log: PluginLogger
  readonly clock: { now(): number; wall(): number }
  readonly metrics: { count(name: string, value?: number): void }
  /** Tells the audit, and later the event points; never the caller. */
  emit(event: {
    readonly type: string
    readonly severity?: 'info' | 'warning' | 'critical'
    readonly data?: Readonly<Record<string, unknown>>
  }): void
  readonly match: {
    /** Exact, glob with `*`, or `/re2/`; a list is OR-ed. */
    anyOf(patterns: readonly string[]): (value: string) => boolean
    regex(source: string, flags?: string): PluginRegex
    /** CEL over the condition variables; evaluates on a payload and the context of the call. */
    cel(source: string): (point: string, payload: object, context: object) => unknown
  }
  readonly text: PluginText
  readonly schema: {
    /** A JSON Schema (2020-12, draft-07) to a check that names what is wrong; undefined when all is well. */
    compile(schema: object): (value: unknown) => string | undefined
  }
  /** The definition of a tool as its server lists it: inputSchema and outputSchema; undefined when unknown. */
  toolDefinition(
    server: string,
    name: string,
  ): Promise<Readonly<Record<string, unknown>> | undefined>
  readonly storage: PluginStorage
  /** To hosts in the grant and in `network.allowed_hosts`; rejects with EGRESS_REFUSED otherwise. */
  fetch(
    url: string,
    options?: {
      method?: string
      headers?: Readonly<Record<string, string>>
      body?: string
      signal?: AbortSignal
      timeout?: number
    },
  ): Promise<EgressResponse>
  readonly secrets: { env(name: string): string | undefined }
  /** With the permission `attestation`; rejects with PLUGIN_PERMISSION without it. A refusal is a verdict, not an error. */
  readonly attestation: { appraise(request: AttestationRequest): Promise<AttestationVerdict> }
}
