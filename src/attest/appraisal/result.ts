// What an appraisal is asked and what comes out of it: the record of section 5.4, plain data that crosses threads; types only.
import type { Collateral } from '../collateral.ts'
import type { BoundTo } from '../evidence/envelope.ts'
import type {
  Claims,
  EvidenceItem,
  EvidenceRoot,
  Expected,
  TrustVector,
} from '../evidence/evidence.ts'
import type { Numbered } from '../path/numbers.ts'
import type { PackageMeasurement } from '../policy/package.ts'
import type { Selection } from '../policy/select.ts'
import type { Reason, Stage } from '../reasons.ts'
import type { SeenConnection, TlsAnchor, TlsClaims } from '../tls/tls.ts'

export type { TlsAnchor } from '../tls/tls.ts'

/** What was seen of the fresh TLS connection that the challenge went over. */
export type Connection = SeenConnection

export interface AppraisalRequest {
  /** Milliseconds since the epoch. */
  readonly now: number
  /** Milliseconds that clocks may differ. */
  readonly skew: number
  readonly server: {
    readonly id: string
    /** `plain`: http or ws. */
    readonly transport: 'tls' | 'plain' | 'stdio'
  }
  /** Of `selectPolicy`. */
  readonly selection: Selection
  /** The challenge that was consumed for this appraisal. */
  readonly challenge?: { readonly id: string; readonly issuedAt: number }
  /** What evidence must carry, and what of the connection went into it. */
  readonly expected?: { readonly value: Expected; readonly covers: readonly BoundTo[] }
  readonly connection?: Connection
  /** Of the command of a stdio server. */
  readonly measured?: PackageMeasurement
  /** An envelope as received, or single documents of a command. */
  readonly evidence?: Uint8Array | readonly EvidenceItem[]
  readonly anchors: readonly TlsAnchor[]
  /** Pinned vendor roots and roots of tests, by family. */
  readonly roots: Readonly<Record<string, readonly EvidenceRoot[]>>
  readonly collateral: Collateral
  /** The highest number seen of each document, as results name them in `numbered`. */
  readonly seen?: ReadonlyMap<string, string>
  /** Milliseconds that fetching took. */
  readonly fetched?: number
  /** Measurements of the last accepted result, by kind of evidence: goes into the record. */
  readonly previous?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Only the documents are appraised, no server: nothing is admitted by it. */
  readonly offline?: boolean
}

/** What is known of the connection, for the record and for the pin; the rest where the policy judges the chain. */
export type TlsRecord = Partial<TlsClaims> &
  Pick<TlsClaims, 'leafSha256' | 'spkiSha256' | 'serial' | 'notAfter' | 'protocol'>

/** What the server is shown to be by the strongest of what was asked. */
export type Level = 'platform' | 'identity' | 'transport' | 'package' | 'none'

export interface AppraisalResult {
  /** `none`: no policy is for this server, and none has to be. */
  readonly decision: 'accept' | 'deny' | 'none'
  /** Whether this admits the server, whatever the mode of the policy. */
  readonly admits: boolean
  /** `observe`: a denial is recorded only. */
  readonly mode: 'enforce' | 'observe'
  readonly level: Level
  readonly freshness: 'checked' | 'not checked'
  readonly reason?: Reason
  /** The sentence of the reason, with its detail. */
  readonly says?: string
  readonly stage?: Stage
  /** Nothing was shown against the server; it may be tried again. */
  readonly transient?: boolean
  readonly policyId?: string
  readonly policySha256?: string
  readonly serverId: string
  readonly challengeId?: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** When it no longer holds: the earliest end of all it rests on. Only of what was accepted. */
  readonly expires?: number
  /** Milliseconds by stage. */
  readonly duration: {
    readonly tls: number
    readonly fetch: number
    readonly verify: number
    readonly appraise: number
  }
  readonly tls?: TlsRecord
  readonly package?: PackageMeasurement
  /** Of genuine revocation lists and TCB information, also of a refusal; to be remembered for `seen`. */
  readonly numbered: readonly Numbered[]
  /** Of genuine documents, also of those that were not wanted. */
  readonly evidence: readonly Claims[]
  /** Kinds that the policy says nothing about, and media types that are not known. */
  readonly ignored: readonly string[]
  readonly trust: TrustVector
  readonly status: 'none' | 'affirming' | 'warning' | 'contraindicated'
  /** Ids of reference values. */
  readonly matched: readonly string[]
  readonly warnings: readonly string[]
  readonly previous?: Readonly<Record<string, Readonly<Record<string, string>>>>
}
