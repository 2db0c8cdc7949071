// A listing against what is known: which of it was judged already, what has to be judged, what has vanished. Pure; nobody is asked here.
import { createHash } from 'node:crypto'
import { canonicalText } from '../../base/json.ts'
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

/** The same thing with what is listed now, and what was decided about it if that is new. */
export function withListed(
  known: KnownDefinition | undefined,
  { kind, name, digest, definition }: Listed & { readonly kind: ListedKind },
  era: Era,
  verdict?: Verdict,
): KnownDefinition {
  const registered = verdict?.admitted
    ? { digest, definition: verdict.rewritten ?? definition }
    : known?.registered
  const verdicts = [
    ...(known?.verdicts ?? []).filter((each) => each.digest !== verdict?.digest),
    ...(verdict ? [verdict] : []),
  ]
  const listed = { ...known?.listed, [era]: digest }
  return remembered({ kind, name, listed, verdicts, ...(registered ? { registered } : {}) })
}

/** The same with the object that is shown, of which there need not be two. */
export function withShown(known: KnownDefinition, { digest, definition }: Listed): KnownDefinition {
  return known.registered?.digest === digest
    ? { ...known, registered: { digest, definition } }
    : known
}

/** Only verdicts on what is listed or registered: what comes back later is judged again. */
function remembered(known: KnownDefinition): KnownDefinition {
  const { listed, registered, verdicts } = known
  const kept = new Set([listed.legacy, listed.modern, registered?.digest])
  return { ...known, verdicts: verdicts.filter(({ digest }) => kept.has(digest)) }
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
    const left = remembered({ ...known, listed })
    if (Object.keys(listed).length === 0) gone.push(left)
    else if (Object.keys(listed).length < Object.keys(known.listed).length) changed.push(left)
  }
  return { gone, changed }
}
