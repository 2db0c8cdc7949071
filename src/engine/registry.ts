// What is registered at a point: one entry's handler with its settings, put in the one order everything follows.
import { AppError } from '../base/errors.ts'
import type { ConditionSource } from './condition.ts'
import type { PluginContext } from './context.ts'
import type { Mode, OnError } from './mode.ts'

/** A plugin's function at a point. Its answer is checked at run time: plugins are not trusted to be typed. */
export type Handler = (payload: never, context: PluginContext) => unknown

export interface Registration extends ConditionSource {
  /** The entry's unique name. */
  readonly entry: string
  /** The plugin's id. */
  readonly plugin: string
  readonly point: string
  readonly mode: Mode
  /** Lower runs first. */
  readonly priority: number
  /** Place in the file; decides between equal priorities. */
  readonly order: number
  /** Milliseconds one call may take. */
  readonly timeout: number
  readonly onError: OnError
  readonly breaker?: { readonly faults: number; readonly open: number }
  /** Observers never see this point's content without this entry. */
  readonly redacts?: boolean
  /** Calls reach the outside: left out of dry runs. */
  readonly external?: boolean
  /** May give the answers that its point keeps for entitled entries. */
  readonly entitled?: boolean
  readonly before?: readonly string[]
  readonly after?: readonly string[]
  readonly handler: Handler
  /** Says that the handler is async, where it is wrapped and cannot say so itself; such guards start last. */
  readonly asynchronous?: boolean
  /** Of the plugin's version and what it is configured with: where it is the same, the handler judges the same. */
  readonly digest?: string
}

/** Total and stable: by priority, then by place in the file. */
export function inOrder<R extends { readonly priority: number; readonly order: number }>(
  registrations: readonly R[],
): R[] {
  return registrations.toSorted((a, b) => a.priority - b.priority || a.order - b.order)
}

/** Checks `before` and `after`, which assert an order and never make one. */
export function assertOrder(registrations: readonly Registration[]): void {
  const place = new Map(
    inOrder(registrations).map((registration, index) => [registration.entry, index]),
  )
  for (const { entry, point, before = [], after = [] } of registrations) {
    const own = place.get(entry) ?? 0
    for (const other of before) {
      const theirs = place.get(other)
      if (theirs !== undefined && theirs < own) throw wrongOrder(entry, 'before', other, point)
    }
    for (const other of after) {
      const theirs = place.get(other)
      if (theirs !== undefined && theirs > own) throw wrongOrder(entry, 'after', other, point)
    }
  }
}

function wrongOrder(entry: string, relation: string, other: string, point: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `${entry} must run ${relation} ${other} at ${point}, but the priorities say otherwise`,
    {
      data: { entry, other, point },
    },
  )
}
