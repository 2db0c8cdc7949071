// What a command says of a write and of entities, to people and to programs.

import type { Output } from '../output.ts'
import { plain } from '../plain.ts'
import { columns, type Style } from '../style.ts'
import type { Page, Written } from './client.ts'
import type { Entity } from './entity.ts'

/** `did`: `added the server files`, `would`: `add the server files`. */
export interface Deed {
  readonly did: string
  readonly would: string
}

export function tellWritten(output: Output, deed: Deed, { outcome, entity }: Written): void {
  const value = { outcome, ...(entity === undefined ? {} : shown(entity)) }
  output.result(value, () => `${sentence(output.style, deed, { outcome, entity })}\n`)
}

function sentence(
  style: Style,
  { did, would }: Deed,
  { outcome, entity }: Pick<Written, 'outcome'> & { entity: Entity | undefined },
): string {
  switch (outcome) {
    case 'written':
      return style.good(plain(did))
    case 'dry_run':
      return `${style.good(plain(`would ${would}`))}; a dry run, nothing was written`
    case 'pending':
      return `${style.careful('waits for the approval of somebody else')}: to ${plain(would)}, change ${plain(entity?.id ?? '')}`
  }
}

/** The members that are nobody's secret; `once` is printed by the one command that makes a key. */
export function shown({ once: _once, ...entity }: Entity): Omit<Entity, 'once'> {
  return entity
}

/** A table with a head, or what to say where there is nothing. */
export function table(
  style: Style,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): string {
  if (rows.length === 0) return `${style.faint(empty)}\n`
  const cells = rows.map(([first = '', ...rest]) => [
    style.strong(plain(first)),
    ...rest.map((cell) => plain(cell)),
  ])
  return columns([head.map((name) => style.faint(name)), ...cells])
}

/** Warns when a listing ended before its end. */
export function warnOfMore(output: Output, { items, more }: Page<unknown>): void {
  if (more) output.warn(`only the first ${items.length} are shown; narrow the listing`)
}

/** A member of a body or status as a cell. */
export function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (Array.isArray(value)) return value.map(cell).join(' ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Names and values of one entity, below each other; what is not there is left out. */
export function details(style: Style, rows: readonly (readonly [string, unknown])[]): string {
  const given = rows.filter(([, value]) => cell(value) !== '')
  return columns(given.map(([name, value]) => [style.faint(name), plain(cell(value))]))
}
