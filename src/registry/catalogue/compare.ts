// A listing against what is known: which of it was judged already, what has to be judged, what has vanished. Pure; nobody is asked here.
import { createHash } from 'node:crypto'
import { canonicalText, type JsonObject } from '../../base/json.ts'
import type { Steps } from '../../base/turns.ts'
import type { Era } from '../../engine/context.ts'
import type { Definition } from '../../gateway/catalog/gate.ts'
import type { ListedKind } from './kinds.ts'
import type { Ledger } from './known.ts'
import type { KnownDefinition, Verdict } from './memory.ts'

export interface Listed extends Definition {
  readonly digest: string
}

/** Rests between definitions: thousands of them take a while. */
export function* digested(
  server: string,
  kind: ListedKind,
  items: readonly Definition[],
): Steps<readonly Listed[]> {
  const listed: Listed[] = []
  for (const { name, definition } of items) {
    const text = canonicalText([server, kind, name, definition])
    listed.push({ name, definition, digest: createHash('sha256').update(text).digest('base64url') })
    yield
  }
  return listed
}

/** What these entries said about a definition, if they were asked. */
export function verdictOn(
  known: KnownDefinition | undefined,
  digest: string,
  by: string,
): Verdict | undefined {
  return known?.verdicts.find((verdict) => verdict.digest === digest && verdict.by === by)
}

/** What a definition takes the place of: what its connection showed before it, or else the last that was admitted. */
export function previousOf(known: KnownDefinition | undefined, era: Era): JsonObject | undefined {
  const before = known?.listed[era]
  const shown = known?.verdicts.find(({ digest }) => digest === before)?.admitted
  return known?.registered && (shown ?? known.registered.definition)
}

/** The same thing with what is listed now, and what was decided about it if that is new. */
export function withListed(
  known: KnownDefinition | undefined,
  { kind, name, digest }: { kind: ListedKind; name: string; digest: string },
  era: Era,
  verdict?: Verdict,
): KnownDefinition {
  const listed = { ...known?.listed, [era]: digest }
  const definition = verdict?.admitted
  const registered = definition ? { digest, definition } : known?.registered
  const verdicts = [
    ...(known?.verdicts ?? []).filter((each) => each.digest !== verdict?.digest),
    ...(verdict ? [verdict] : []),
  ]
  const kept = new Set([listed.legacy, listed.modern, registered?.digest])
  return {
    kind,
    name,
    listed,
    verdicts: verdicts.filter((each) => kept.has(each.digest)),
    ...(registered ? { registered } : {}),
  }
}

/**
 * Takes out of the ledger's `listed` what is on no connection any more: this one does not list it, and others are as they
 * listed last, or gone. Gives back what is listed nowhere.
 */
export function vanished(
  ledger: Ledger,
  names: ReadonlySet<string>,
  { era, eras }: { readonly era: Era; readonly eras: readonly Era[] },
): { readonly gone: readonly KnownDefinition[]; readonly changed: readonly KnownDefinition[] } {
  const gone: KnownDefinition[] = []
  const changed: KnownDefinition[] = []
  for (const known of ledger.values()) {
    if (names.has(known.name)) continue
    const listed = Object.fromEntries(
      Object.entries(known.listed).filter(([each]) => each !== era && eras.includes(each as Era)),
    )
    const left = { ...known, listed }
    if (Object.keys(listed).length === 0) gone.push(left)
    else if (Object.keys(listed).length < Object.keys(known.listed).length) changed.push(left)
  }
  return { gone, changed }
}
