// The revisions of MCP, their eras, and how a message tells which era it belongs to.
import { isObject } from '../base/json.ts'
import type { Message } from './message.ts'

export type Era = 'legacy' | 'modern'

/** Newest first. Legacy: initialize and sessions. Modern: stateless (2026-07-28 changelog, SEP-2567, SEP-2575). */
export const LEGACY_REVISIONS: readonly string[] = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
]
export const MODERN_REVISIONS: readonly string[] = ['2026-07-28']
export const LATEST_LEGACY = '2025-11-25'
export const LATEST_MODERN = '2026-07-28'
export const MODERN = LATEST_MODERN

/** Keys of `_meta` in the modern era (2026-07-28 basic/index#meta). */
export const META = {
  protocolVersion: 'io.modelcontextprotocol/protocolVersion',
  clientInfo: 'io.modelcontextprotocol/clientInfo',
  clientCapabilities: 'io.modelcontextprotocol/clientCapabilities',
  serverInfo: 'io.modelcontextprotocol/serverInfo',
  logLevel: 'io.modelcontextprotocol/logLevel',
} as const

const ALL: readonly string[] = [...MODERN_REVISIONS, ...LEGACY_REVISIONS]

export function isSupported(revision: string): boolean {
  return ALL.includes(revision)
}

export function isModern(revision: string): boolean {
  return MODERN_REVISIONS.some((known) => known === revision)
}

/** `initialize`: the client's revision if it is known, else our latest (2025-11-25 basic/lifecycle#version-negotiation). */
export function negotiate(requested: string): string {
  return LEGACY_REVISIONS.find((known) => known === requested) ?? LATEST_LEGACY
}

/** A claim in the body decides; without one a header that names no legacy revision makes it modern, to be refused there. */
export function eraOf(message: Message, header: string | undefined): Era {
  const meta = message.params?._meta
  if (isObject(meta) && meta[META.protocolVersion] !== undefined) return 'modern'
  return header !== undefined && isModern(header) ? 'modern' : 'legacy'
}
