// The path from a leaf to a trust anchor (RFC 5280 section 6), searched within fixed budgets; revocation is not its matter.
import { Denial } from '../denial.ts'
import { Certificate } from '../format/certificate.ts'
import { equalBytes } from '../format/der.ts'
import { basicConstraintsOf, keyIdentifierOf } from '../format/extensions.ts'
import { subjectAltNamesOf } from '../format/general-name.ts'
import { constrainedNamesOf, nameConstraintsOf, violated } from './constraints.ts'
import { isSameName } from './name.ts'
import { assertNamed, type ExpectedName } from './named.ts'
import { assertFit, type Rules } from './profile.ts'
import { type Family, refusal, translated } from './refusal.ts'

/** A certificate that is trusted without being proven. */
export interface Anchor {
  readonly id: string
  readonly certificate: Certificate
}

/** What a search may cost; beyond it the answer is `evidence.budget`. */
export interface Limits {
  /** Certificates between leaf and anchor. */
  readonly intermediates: number
  /** Issuers that are tried, over the whole search. */
  readonly candidates: number
  readonly signatures: number
  /** Comparisons of a name with a constraint. */
  readonly names: number
  /** Of the chain as presented. */
  readonly bytes: number
}

export const LIMITS: Limits = {
  intermediates: 6,
  candidates: 32,
  signatures: 64,
  names: 2 ** 16,
  bytes: 64 * 1024,
}

export interface PathQuestion<A extends Anchor = Anchor> {
  /** Leaf first; the others in any order, and not all need to be of use. */
  readonly chain: readonly Certificate[]
  readonly anchors: readonly A[]
  /** Milliseconds since the epoch. */
  readonly now: number
  /** In whose words it is refused; with it goes the profile: `strict` for TLS, `plain` for evidence. */
  readonly family: Family
  readonly profile?: Rules['profile']
  /** OID of PURPOSE; undefined: for any. */
  readonly purpose?: string
  /** The leaf must have one of them. */
  readonly names?: readonly ExpectedName[]
  /** OIDs of critical extensions that the caller checks. */
  readonly understood?: readonly string[]
  /** False unless said: where a CA may be the leaf. */
  readonly authorityAsLeaf?: boolean
  readonly limits?: Partial<Limits>
}

export interface Work {
  readonly candidates: number
  readonly signatures: number
  readonly names: number
}

export interface ValidPath<A extends Anchor = Anchor> {
  /** Leaf first, the anchor's certificate last. */
  readonly path: readonly Certificate[]
  readonly anchor: A
  readonly work: Work
}

/** Certificates as they came, leaf first. Throws Denial in the words of the family. */
export function readChain(chain: readonly Uint8Array[], family: Family): readonly Certificate[] {
  let size = 0
  for (const der of chain) size += der.length
  if (size > LIMITS.bytes) throw new Denial('evidence.budget', 'size of the chain')
  try {
    return chain.map((der) => Certificate.parse(der))
  } catch (error) {
    throw translated(family, error)
  }
}

/**
 * Throws Denial: `tls.untrusted_anchor`, `tls.chain`, `tls.expired`, `tls.not_yet_valid`, `tls.name_mismatch`, or the same of
 * `evidence`; `evidence.budget` where the search would cost more than its limits.
 */
export function validatePath<A extends Anchor>(question: PathQuestion<A>): ValidPath<A> {
  const { chain, family } = question
  const [leaf] = chain
  if (!leaf) throw refusal(family, 'chain', 'no certificate')
  const limits = { ...LIMITS, ...question.limits }
  if (chain.reduce((sum, { der }) => sum + der.length, 0) > limits.bytes)
    throw new Denial('evidence.budget', 'size of the chain')
  const rules: Rules = {
    family,
    profile: question.profile ?? (family === 'tls' ? 'strict' : 'plain'),
    purpose: question.purpose,
    understood: question.understood ?? [],
    authorityAsLeaf: question.authorityAsLeaf ?? false,
  }
  try {
    assertFit(leaf, 'leaf', rules, question.now)
    // read even where nobody asks for a name: a leaf whose names cannot be read is none
    const names = subjectAltNamesOf(leaf)
    const found = new Search(question, rules, limits).run(leaf)
    if (question.names) assertNamed({ leaf, names }, question.names, rules)
    return found
  } catch (error) {
    throw translated(family, error)
  }
}

interface Candidate<A> {
  readonly certificate: Certificate
  readonly anchor: A | undefined
}

class Search<A extends Anchor> {
  readonly #question: PathQuestion<A>
  readonly #rules: Rules
  readonly #limits: Limits
  readonly #work = { candidates: 0, signatures: 0, names: 0 }
  readonly #names = new Map<Certificate, ReturnType<typeof constrainedNamesOf>>()
  /** Why the first promising path did not hold. */
  #failure: unknown
  #isCut = false

  constructor(question: PathQuestion<A>, rules: Rules, limits: Limits) {
    this.#question = question
    this.#rules = rules
    this.#limits = limits
  }

  run(leaf: Certificate): ValidPath<A> {
    const found = this.#extend([leaf])
    if (found) return found
    if (this.#failure) throw this.#failure
    if (this.#isCut) throw new Denial('evidence.budget', 'length of the path')
    throw refusal(this.#rules.family, 'untrusted')
  }

  #extend(path: readonly Certificate[]): ValidPath<A> | undefined {
    for (const { certificate, anchor } of this.#candidates(path)) {
      if (!anchor && path.length > this.#limits.intermediates) {
        this.#isCut = true
        continue
      }
      this.#spend('candidates', 1)
      if (!this.#isIssuer(certificate, anchor, path)) continue
      const longer = [...path, certificate]
      if (anchor) return { path: longer, anchor, work: { ...this.#work } }
      const found = this.#extend(longer)
      if (found) return found
    }
    return undefined
  }

  /** Those with the name of the issuer, anchors first, and among each those with the key identifier that is asked for. */
  #candidates(path: readonly Certificate[]): readonly Candidate<A>[] {
    const last = path.at(-1) as Certificate
    const { anchors, chain } = this.#question
    const all: Candidate<A>[] = [
      ...anchors.map((anchor) => ({ certificate: anchor.certificate, anchor })),
      ...chain.slice(1).map((certificate) => ({ certificate, anchor: undefined })),
    ]
    const named = all.filter(({ certificate }) => equalBytes(certificate.subject, last.issuer))
    const found = named.length > 0 ? named : all.filter(({ certificate: { subject } }) => isSameName(subject, last.issuer)) // biome-ignore format: a row
    const fresh = found.filter(
      ({ certificate, anchor }) => anchor || !path.some((one) => isSameAuthority(one, certificate)),
    )
    const isLikely = ({ certificate }: Candidate<A>) => hasIdentifierOf(certificate, last)
    return [...fresh.filter(isLikely), ...fresh.filter((one) => !isLikely(one))].sort(
      (a, b) => Number(a.anchor === undefined) - Number(b.anchor === undefined),
    )
  }

  #isIssuer(
    issuer: Certificate,
    anchor: Anchor | undefined,
    path: readonly Certificate[],
  ): boolean {
    const subject = path.at(-1) as Certificate
    const { family } = this.#rules
    try {
      assertFit(issuer, anchor ? 'anchor' : 'intermediate', this.#rules, this.#question.now)
      this.#assertRoom(issuer, path)
      this.#assertNames(issuer, path)
      this.#spend('signatures', 1)
      if (subject.isSignedBy(issuer.publicKey)) return true
      // of another key by its identifier: another authority of the same name, and no fault of the subject
      if (hasIdentifierOf(issuer, subject))
        this.#failure ??= refusal(family, 'chain', 'a certificate is not signed by its issuer')
    } catch (error) {
      if (!(error instanceof Denial) || error.reason === 'evidence.budget') throw error
      // a root that came along says nothing about the leaf, whatever is wrong with it
      if (anchor || !issuer.isSelfIssued) this.#failure ??= error
    }
    return false
  }

  #assertRoom(issuer: Certificate, path: readonly Certificate[]): void {
    const most = basicConstraintsOf(issuer)?.pathLength
    if (most === undefined) return
    const below = path.slice(1).filter((certificate) => !certificate.isSelfIssued).length
    if (below > most) throw refusal(this.#rules.family, 'chain', 'pathLenConstraint')
  }

  #assertNames(issuer: Certificate, path: readonly Certificate[]): void {
    const constraints = nameConstraintsOf(issuer)
    if (!constraints) return
    for (const [at, certificate] of path.entries()) {
      // an authority that renews its own key is not bound by them (section 6.1.3 b)
      if (at > 0 && certificate.isSelfIssued) continue
      const why = violated(constraints, this.#namesOf(certificate), (count) =>
        this.#spend('names', count),
      )
      if (why) throw refusal(this.#rules.family, 'chain', `name constraints: ${why}`)
    }
  }

  #namesOf(certificate: Certificate): ReturnType<typeof constrainedNamesOf> {
    const known = this.#names.get(certificate) ?? constrainedNamesOf(certificate)
    this.#names.set(certificate, known)
    return known
  }

  #spend(what: keyof Work, count: number): void {
    this.#work[what] += count
    if (this.#work[what] > this.#limits[what])
      throw new Denial('evidence.budget', `${what} of the path search`)
  }
}

function isSameAuthority(a: Certificate, b: Certificate): boolean {
  return equalBytes(a.spki, b.spki) && equalBytes(a.subject, b.subject)
}

/** A hint: true also where one of them has no identifier. */
function hasIdentifierOf(issuer: Certificate, subject: Certificate): boolean {
  const [wanted, own] = [keyIdentifierOf(subject, 'authority'), keyIdentifierOf(issuer, 'subject')]
  return !wanted || !own || equalBytes(wanted, own)
}
