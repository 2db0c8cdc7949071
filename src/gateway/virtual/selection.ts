// What one virtual server selects: its patterns, compiled once per generation; it holds no names and asks nobody.
import type { ExpressionCompiler } from '../../engine/condition.ts'
import type { ListKind } from '../catalog/listing.ts'
import type { VirtualServerOptions } from './options.ts'

export interface VirtualServer {
  readonly name: string
  readonly path: string
  /** What clients are told it is for. */
  readonly description: string | undefined
  /** Whether what clients call so is part of it: a name, a URI, or the text of a URI template. */
  selects(kind: ListKind, exposed: string): boolean
  /** Whether it has patterns for this kind at all. */
  mayOffer(kind: ListKind): boolean
}

export function createVirtualServer(
  { name, path, description, tools, prompts, resources }: VirtualServerOptions,
  anyOf: ExpressionCompiler['anyOf'],
): VirtualServer {
  // a star alone stops at no slash: whoever writes it means all of them
  const uris = resources.includes('*') ? () => true : anyOf(resources, { path: true })
  const matchers = {
    tools: anyOf(tools),
    prompts: anyOf(prompts),
    resources: uris,
    templates: uris,
  }
  const counts = {
    tools: tools.length,
    prompts: prompts.length,
    resources: resources.length,
    templates: resources.length,
  }
  return {
    name,
    path,
    description,
    selects: (kind, exposed) => matchers[kind](exposed),
    mayOffer: (kind) => counts[kind] > 0,
  }
}
