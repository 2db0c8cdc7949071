// Every fuzz target of the project, one entry each; its corpus is the folder of its name.
import type { Target } from './target.ts'

/** Loaded when it is its turn, so that coverage is recorded from the first line of its sources. */
export const TARGETS: Readonly<Record<string, () => Promise<Target>>> = {
  envelope: async () => (await import('./targets/envelope.ts')).envelope,
  sse: async () => (await import('./targets/sse.ts')).sse,
  headers: async () => (await import('./targets/headers.ts')).headers,
  cursor: async () => (await import('./targets/cursor.ts')).cursor,
  state: async () => (await import('./targets/state.ts')).state,
  lines: async () => (await import('./targets/lines.ts')).lines,
  authorization: async () => (await import('./targets/authorization.ts')).authorization,
  'audit-line': async () => (await import('./targets/audit-line.ts')).auditLine,
  manifest: async () => (await import('./targets/manifest.ts')).manifest,
  jws: async () => (await import('./targets/jws.ts')).jws,
  cms: async () => (await import('./targets/cms.ts')).cms,
  spiffe: async () => (await import('./targets/spiffe.ts')).spiffe,
  'spiffe-bundle': async () => (await import('./targets/spiffe-bundle.ts')).spiffeBundle,
}
