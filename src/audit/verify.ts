// Whether chains are what their writers wrote: finds what was edited, removed, added or moved, and how far signatures cover the rest; it reads nothing itself.
import { type KeyObject, verify } from 'node:crypto'
import { type Head, keyId, link, signedText } from '../base/chain.ts'
import { Claims, checkpointOf } from './claims.ts'

/** What a sink kept, in its order. */
export type Evidence =
  | {
      /** Where it is, for people: `audit.jsonl:17` or `row 17`. */
      readonly at: string
      readonly head: Head
      readonly kind: string
      /** What its digest covers besides the one before. */
      readonly body: string | Uint8Array
      readonly details: unknown
    }
  /** No record of a chain. `open`: the last thing there is, and without its end. */
  | { readonly at: string; readonly digest: string; readonly open: boolean }
  /** What a chain has come to, from elsewhere than its records. */
  | { readonly at: string; readonly reached: Head }

type Linked = Extract<Evidence, { head: Head }>

/**
 * `edited`: it is not what was written. `missing`: records before it are gone. `moved`: it is there twice or not in its place. `foreign`: it
 * is no record of a chain. `signature`: it was not signed by who should have. `unsigned`: a chain without any signature.
 */
export type ProblemKind = 'edited' | 'missing' | 'moved' | 'foreign' | 'signature' | 'unsigned'

export interface ChainProblem {
  readonly at: string
  readonly kind: ProblemKind
  readonly chain?: string
  readonly what: string
}

export interface ChainReport {
  readonly chain: string
  readonly from: number
  readonly to: number
  readonly firstAt: string
  readonly lastAt: string
  /** The digest of the last record: whoever keeps it elsewhere can tell later whether the end was cut off. */
  readonly head: string
  /** Up to this record a signature by one of the given keys covers it; 0: none does. */
  readonly signed: number
}

export interface Verdict {
  readonly whole: boolean
  readonly records: number
  readonly chains: readonly ChainReport[]
  /** The first ones. */
  readonly problems: readonly ChainProblem[]
  /** All of them. */
  readonly found: number
  /** Where a crash left a line half written. */
  readonly torn: string | undefined
  /** Signatures that were there, checked or not. */
  readonly checkpoints: number
}

const MOST_PROBLEMS = 100

interface Chain {
  readonly from: number
  readonly firstAt: string
  /** What is left of it begins where the gateway has removed the rest. */
  readonly anchored: boolean
  n: number
  hash: string
  lastAt: string
  signed: number
}

/** `evidence` is gone through twice: first for what chains say of each other. Without `keys` signatures are counted only. */
export async function verifyChains(
  evidence: () => AsyncIterable<Evidence>,
  keys: readonly KeyObject[] = [],
): Promise<Verdict> {
  const claims = new Claims()
  for await (const each of evidence()) if ('head' in each) claims.take(each)
  const verifier = new Verifier(claims, keys)
  for await (const each of evidence()) verifier.take(each)
  return verifier.verdict()
}

class Verifier {
  readonly #claims: Claims
  readonly #keys: ReadonlyMap<string, KeyObject>
  readonly #chains = new Map<string, Chain>()
  readonly #problems: ChainProblem[] = []
  #found = 0
  #records = 0
  #checkpoints = 0
  #torn: string | undefined

  constructor(claims: Claims, keys: readonly KeyObject[]) {
    this.#claims = claims
    this.#keys = new Map(keys.map((key) => [keyId(key), key]))
  }

  take(each: Evidence): void {
    if ('head' in each) this.#record(each)
    else if ('reached' in each) this.#reached(each.at, each.reached)
    else if (!this.#claims.torn(each.digest)) {
      if (each.open) this.#torn = each.at
      else this.#problem('foreign', each.at, undefined, 'it is no record of a chain')
    }
  }

  verdict(): Verdict {
    if (this.#keys.size > 0) this.#findUnsigned()
    const chains = [...this.#chains].map(([chain, { from, n, firstAt, lastAt, hash, signed }]) => ({
      chain, from, to: n, firstAt, lastAt, head: hash, signed,
    })) // biome-ignore format: one row
    return {
      whole: this.#found === 0,
      records: this.#records,
      chains,
      problems: this.#problems,
      found: this.#found,
      torn: this.#torn,
      checkpoints: this.#checkpoints,
    }
  }

  #record(each: Linked): void {
    const { at, head } = each
    this.#records++
    const chain = this.#chains.get(head.chain) ?? this.#begin(each)
    if (head.n <= chain.n) {
      const what = `record ${head.n} comes after record ${chain.n} of its chain`
      this.#problem('moved', at, head.chain, what)
      return
    }
    if (head.n > chain.n + 1) this.#missing(at, head.chain, chain.n + 1, head.n - 1)
    else if (link(chain.hash, each.body) !== head.hash)
      this.#problem(
        'edited',
        at,
        head.chain,
        'it, or the record before it, is not what was written',
      )
    if (each.kind === 'checkpoint') this.#checkpoint(each, chain)
    if (each.kind === 'chain') this.#named(each)
    // what is stored, also where it is wrong: one edit is one problem
    chain.n = head.n
    chain.hash = head.hash
    chain.lastAt = at
    const claimed = this.#claims.hashOf(head)
    if (claimed !== undefined && claimed !== head.hash)
      this.#problem('edited', at, head.chain, 'a later chain has named another record in its place')
  }

  #begin({ at, head, kind }: Linked): Chain {
    const anchor = this.#claims.anchorAt(head.chain, head.n - 1)
    const chain: Chain = {
      from: head.n, firstAt: at, lastAt: at, anchored: anchor !== undefined, n: anchor ? head.n - 1 : 0, hash: anchor ?? '', signed: 0,
    } // biome-ignore format: one row
    this.#chains.set(head.chain, chain)
    if (head.n === 1 && kind !== 'chain')
      this.#problem('edited', at, head.chain, 'a chain begins with a record of kind chain')
    return chain
  }

  /** A chain that began names those before it. */
  #named({ at, details }: Linked): void {
    for (const named of this.#claims.named(details)) this.#reached(at, named)
  }

  #reached(at: string, { chain, n, hash }: Head): void {
    const seen = this.#chains.get(chain)
    if (n === 0 || (seen !== undefined && seen.n > n)) return
    if (seen?.n === n) {
      if (seen.hash === hash) return
      this.#problem('edited', at, chain, `record ${n} of its chain is another one`)
    } else if (!this.#claims.isPruned(chain, n)) this.#missing(at, chain, (seen?.n ?? 0) + 1, n)
  }

  #checkpoint({ at, head, details }: Linked, chain: Chain): void {
    this.#checkpoints++
    const signed = checkpointOf(details)
    if (signed === undefined || signed.n !== head.n - 1 || signed.hash !== chain.hash) {
      this.#problem('signature', at, head.chain, 'it does not sign the record before it')
      return
    }
    if (this.#keys.size === 0) return
    const key = this.#keys.get(signed.key)
    if (key === undefined) {
      this.#problem(
        'signature',
        at,
        head.chain,
        `it is signed with the key ${signed.key}, which was not given`,
      )
      return
    }
    const text = Buffer.from(signedText({ chain: head.chain, n: signed.n, hash: signed.hash }))
    if (verify(null, text, key, Buffer.from(signed.signature, 'base64url'))) chain.signed = signed.n
    else this.#problem('signature', at, head.chain, 'its signature is wrong')
  }

  #findUnsigned(): void {
    for (const [chain, { signed, anchored, firstAt }] of this.#chains)
      if (signed === 0 && !anchored)
        this.#problem('unsigned', firstAt, chain, 'no record of its chain is signed')
  }

  #missing(at: string, chain: string, from: number, to: number): void {
    const which = from === to ? `record ${from}` : `records ${from} to ${to}`
    this.#problem('missing', at, chain, `${which} of chain ${chain} should be before it`)
  }

  #problem(kind: ProblemKind, at: string, chain: string | undefined, what: string): void {
    this.#found++
    if (this.#problems.length >= MOST_PROBLEMS) return
    this.#problems.push({ at, kind, ...(chain === undefined ? {} : { chain }), what })
  }
}
