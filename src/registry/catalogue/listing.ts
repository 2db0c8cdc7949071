// One listing of one server against what is known of it: what is new is asked about, what has vanished is forgotten, within bounds.
import { createHash } from 'node:crypto'
import { messageOf } from '../../base/errors.ts'
import { inLanes, inTurns } from '../../base/turns.ts'
import type { Admitted, Definition, Offered } from '../../gateway/catalog/gate.ts'
import { type Answer, ask } from './ask.ts'
import { digested, type Listed, vanished, verdictOn, withListed, withShown } from './compare.ts'
import type { CatalogueGateParts } from './gate.ts'
import type { Ledger } from './known.ts'
import type { KnownDefinition, Verdict } from './memory.ts'

/** Definitions of one kind of one server; what is beyond is shown to nobody. */
export const MAX_DEFINITIONS = 10_000
/** Milliseconds after which no more is asked for one listing; the rest is asked about when it is listed again. */
export const LISTING_BUDGET = 30_000
const LANES = 8
/** Names in one line of the log. */
const MANY = 10

/** Whoever calls sees to it that one listing of a kind of a server is judged at a time. */
export async function judgeListing(
  parts: CatalogueGateParts,
  offered: Offered,
  by: string,
): Promise<Admitted> {
  const { server, kind, items } = offered
  const ledger = await parts.known.ledger(parts.generation.id, server.name, kind)
  const listed = await inTurns(digested(server.name, kind, items.slice(0, MAX_DEFINITIONS)))
  const judging = new Judging(parts, offered, ledger, by)
  await judging.judge(listed)
  await judging.forget()
  await judging.save()
  const shown = createHash('sha256')
  const admitted: Definition[] = []
  const withheld = items.slice(MAX_DEFINITIONS).map(({ name }) => name)
  for (const { name, definition, digest } of listed) {
    const verdict = verdictOn(ledger.get(name), digest, by)
    if (!verdict?.admitted) {
      withheld.push(name)
      continue
    }
    const { rewritten } = verdict
    shown.update(rewritten ? `${digest} ${by} ` : `${digest} `)
    admitted.push({ name, definition: rewritten ?? definition })
  }
  const { complete } = judging
  return { items: admitted, shown: shown.digest('base64url'), withheld, complete }
}

class Judging {
  readonly #parts: CatalogueGateParts
  readonly #offered: Offered
  readonly #ledger: Ledger
  readonly #by: string
  readonly #end: number
  readonly #put = new Map<string, KnownDefinition>()
  readonly #removed: KnownDefinition[] = []
  /** Vanished, and still to be asked about. */
  #left = 0
  readonly #kept: Record<'vetoed' | 'failed' | 'late', string[]> = {
    vetoed: [],
    failed: [],
    late: [],
  }

  constructor(parts: CatalogueGateParts, offered: Offered, ledger: Ledger, by: string) {
    this.#parts = parts
    this.#offered = offered
    this.#ledger = ledger
    this.#by = by
    this.#end = parts.clock.now() + LISTING_BUDGET
  }

  get complete(): boolean {
    return this.#kept.failed.length + this.#kept.late.length + this.#left === 0
  }

  async judge(listed: readonly Listed[]): Promise<void> {
    const { kind, era } = this.#offered
    const unknown: Listed[] = []
    for (const item of listed) {
      const known = this.#ledger.get(item.name)
      const verdict = verdictOn(known, item.digest, this.#by)
      if (!known || !verdict) unknown.push(item)
      else if (known.listed[era] !== item.digest)
        this.#note(withListed(known, { kind, ...item }, era))
      else if (!verdict.rewritten) this.#ledger.set(item.name, withShown(known, item))
    }
    await inLanes(unknown, LANES, (item) => this.#judgeOne(item))
    this.#tell()
  }

  async #judgeOne(item: Listed): Promise<void> {
    const { server, kind, era } = this.#offered
    const { name, definition } = item
    if (this.#parts.clock.now() >= this.#end) return void this.#kept.late.push(name)
    const known = this.#ledger.get(name)
    const previous = known?.registered?.definition
    const change = previous ? 'update' : 'register'
    const answer = await ask(this.#parts, { change, server, kind, name, definition, previous })
    if (answer.outcome !== 'written') this.#kept[answer.outcome].push(name)
    // a fault says nothing about the definition: it is asked about again
    if (answer.outcome === 'failed') return
    const verdict = this.#verdict(item, answer)
    this.#note(withListed(known, { kind, ...item }, era, verdict))
  }

  #verdict({ digest, definition }: Listed, answer: Answer): Verdict {
    const by = this.#by
    if (answer.outcome !== 'written') return { digest, by, admitted: false }
    const isSame = answer.definition === definition
    return { digest, by, admitted: true, ...(isSame ? {} : { rewritten: answer.definition }) }
  }

  /** The server has it no longer, so it goes whatever the entries say; the veto and the fault are in the audit. */
  async forget(): Promise<void> {
    const { server, kind, items } = this.#offered
    const names = new Set(items.map(({ name }) => name))
    const { gone, changed } = vanished(this.#ledger, names, this.#offered)
    for (const known of changed) this.#note(known)
    await inLanes(gone, LANES, async (known) => {
      const { name, registered } = known
      // what there is no time for is asked about next time, unless that would become too much
      if (this.#parts.clock.now() >= this.#end && this.#ledger.size <= 2 * MAX_DEFINITIONS) {
        this.#left++
        return this.#note(known)
      }
      if (registered)
        await ask(this.#parts, {
          change: 'unregister',
          server,
          kind,
          name,
          definition: registered.definition,
        })
      this.#ledger.delete(name)
      this.#removed.push(known)
    })
  }

  async save(): Promise<void> {
    if (this.#put.size === 0 && this.#removed.length === 0) return
    const { known, generation, log } = this.#parts
    const { server, kind } = this.#offered
    const removed = this.#removed.map(({ name }) => ({ kind, name }))
    try {
      await known.save(generation.id, server.name, { put: [...this.#put.values()], removed })
    } catch (error) {
      log.warn(
        { server: server.name, kind, error: messageOf(error) },
        'what was decided about the definitions of a server could not be kept; it is decided again after a restart',
      )
    }
  }

  #note(known: KnownDefinition): void {
    this.#ledger.set(known.name, known)
    this.#put.set(known.name, known)
  }

  #tell(): void {
    const { server, kind, items } = this.#offered
    const { vetoed, failed, late } = this.#kept
    const log = (names: readonly string[], message: string) => {
      if (names.length === 0) return
      const fields = {
        server: server.name,
        kind,
        count: names.length,
        names: names.slice(0, MANY).map((name) => name.slice(0, 100)),
      }
      this.#parts.log.warn(fields, message)
    }
    log(vetoed, 'definitions were vetoed: nobody can list or call them')
    log(failed, 'definitions could not be judged: nobody can list or call them until they are')
    log(late, 'definitions wait to be judged: nobody can list or call them until they are')
    log(
      items.slice(MAX_DEFINITIONS).map(({ name }) => name),
      `a server lists more than ${MAX_DEFINITIONS}: nobody can list or call what is beyond`,
    )
  }
}
