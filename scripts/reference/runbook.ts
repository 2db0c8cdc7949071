// What an operator does about each reason of attestation, in prose; codes, sentences and stages are in src/attest/reasons.ts.
// Over 300 lines because it has an entry for every reason.
import type { Reason } from '../../src/attest/reasons.ts'

export interface Entry {
  /** How one finds out what is behind it. */
  readonly look: string
  /** What one does, after the one sentence of the table. */
  readonly mend: string
}

/** Sentences, Markdown. */
export const RUNBOOK: Readonly<Record<Reason, Entry>> = {
  'tls.unavailable': {
    look: 'the detail has the code of the system, such as `ECONNREFUSED` or `ENOTFOUND`, or `no connection` when the handshake itself failed. Try `openssl s_client -connect HOST:PORT -servername HOST` from the machine of the gateway.',
    mend: 'A handshake that fails is often a version below `tls.min_version` (the default is TLSv1.3), or a server that wants a client certificate: give the gateway one in `attestation.client`.',
  },
  'tls.version': {
    look: '`openssl s_client -connect HOST:PORT -tls1_3` says whether the server can speak it.',
    mend: 'Evidence that is bound to the connection (`binding: [spki, exporter]`) is best over TLSv1.3.',
  },
  'tls.untrusted_anchor': {
    look: '`details.tls` of the record has its serial number and digest. Is an anchor of that issuer named in `tls.anchors`, and is today between its `not_before` and `not_after`? `portcullis_trust_anchor_expiry_seconds` shows which anchors end.',
    mend: 'A self-signed certificate is its own anchor only when it is configured as one. During a rotation both anchors stand in `tls.anchors`: see [anchors that follow one another](attestation.md#anchors-that-follow-one-another).',
  },
  'tls.chain': {
    look: 'the detail names the certificate, counted from the one of the server, and the rule: an issuer that is no CA, a critical extension that is not understood, a key that is too weak, a name that its CA may not issue. `openssl s_client -showcerts` has the certificates.',
    mend: 'The server has to send every intermediate. An authority that leaves out key identifiers and the like passes with `tls.profile: plain`; nothing else is made weaker by that.',
  },
  'tls.expired': {
    look: '`details.tls.notAfter`, or the anchor: an anchor that has ended is as good as none.',
    mend: 'The new certificate may have a new key: the server is then attested again at once.',
  },
  'tls.not_yet_valid': {
    look: '`date -u` at the gateway and at the authority. Clocks may differ by `attestation.clock_skew`.',
    mend: 'A certificate that is issued in advance is served when its time has come, not before.',
  },
  'tls.validity_too_long': {
    look: 'how long the certificate is valid for: from `notBefore` to `notAfter`, not from now.',
    mend: 'A short life is what limits the harm of a stolen key where nobody asks about revocation.',
  },
  'tls.name_mismatch': {
    look: '`openssl x509 -noout -ext subjectAltName`: only these names count, the common name never does. The identities of the policy are in `tls.identity.any_of`.',
    mend: 'If you did not expect another name here, somebody else answers at that address.',
  },
  'tls.svid': {
    look: 'the detail: an SVID has exactly one URI, is no CA, may sign, and a trust domain alone is no server.',
    mend: 'An ordinary certificate is matched with `dns` or `spki` instead of `spiffe_id`.',
  },
  'tls.revoked': {
    look: 'the list or the responder that the certificate names, and whoever revoked it: why?',
    mend: 'Take it as a key that was stolen until you know better. There is no switch that lets it pass.',
  },
  'tls.revocation_unknown': {
    look: '`portcullis_collateral_fetch_failures_total`; can the gateway reach the addresses in the certificate (`openssl x509 -text`, "CRL Distribution Points", "Authority Information Access")? Is the list older than `max_age`?',
    mend: 'Without a way out, let the server staple, or supply the list in `attestation.collateral.directory`. `mode: prefer` accepts where there is no source to ask; `off` asks nobody: keep `max_validity_days` short then.',
  },
  'tls.mtls_absent': {
    look: '`openssl s_client -connect HOST:PORT` without a certificate gets through to HTTP.',
    mend: 'The gateway tries it with a handshake of its own, so "asks for a certificate but goes on without" is found, too.',
  },
  'tls.key_changed': {
    look: 'was a certificate renewed with a new key, or a replica with a key of its own put behind the same address? If neither, somebody is between you and the server.',
    mend: 'The gateway attests again by itself when `result.reattest.on` has `tls-key-change`; nothing was sent to the new key meanwhile. Several replicas behind one address need one key, or an entry under `servers` each.',
  },

  'evidence.missing': {
    look: 'the detail has the kinds that were asked for, or `event_log`; `details.ignored` has what came instead.',
    mend: 'The media type must be one of [the table](attestation.md#kinds-of-evidence). An attester behind a proxy may be reached and its sources not: read its log.',
  },
  'evidence.unavailable': {
    look: 'the detail has the status or the code of the system. `curl -i -X POST https://HOST:PORT/.well-known/mcp-attestation` should give a 400 of the attester, not a 404 of somebody else.',
    mend: 'It must be served by the process that ends TLS, at the root of the host and not below the path of MCP. A TPM answers one quote at a time: many gateways at once may have to wait.',
  },
  'evidence.malformed': {
    look: 'the detail names the document and the member. `portcullis attest verify FILE` with the document alone says the same.',
    mend: 'Most often: base64 instead of base64url, padding, a member that the form does not have, DER with something behind it.',
  },
  'evidence.unsupported': {
    look: 'the detail names the member: a report or quote of a version that came later, or a `v` that is not 1.',
    mend: 'A newer platform may need a newer gateway.',
  },
  'evidence.too_large': {
    look: 'the detail names what is too large: an envelope has 256 KiB and 8 items, an event log 1 MiB.',
    mend: 'Leave out endorsements that the gateway can fetch by itself.',
  },
  'evidence.budget': {
    look: 'which document it was, and whether the server is one that you trust to send nonsense.',
    mend: 'Honest chains are far below the budget; this is what an attack on the verifier looks like.',
  },
  'evidence.weak_algorithm': {
    look: 'the detail: SHA-1, RSA below 2048 bits, a curve of another kind of evidence, another scheme than the key has.',
    mend: 'For a TPM make a key for RSASSA, RSAPSS or ECDSA with SHA-256 and quote the bank `sha256`.',
  },
  'evidence.signature': {
    look: 'does `portcullis attest verify` accept the document as it leaves the machine? Then something on the way changes it.',
    mend: 'If it never verified, the key or the certificate is of another machine; if it did before, somebody tried.',
  },
  'evidence.chain': {
    look: 'the detail names the certificate and what is wrong with it.',
    mend: 'For SEV-SNP send `vcek` (or `vlek`) and `chain`, for a TPM `ak_cert` with `ak_chain`. Ask the vendor for the intermediate of this very product.',
  },
  'evidence.untrusted_root': {
    look: 'which root the chain ends in. Genuine roots of AMD, Intel, AWS, Google and Azure are built in; of TPMs and of AWS instance identity you name your own in `attestation.roots`.',
    mend: 'Evidence of a simulator passes only under a root with `synthetic: true`, and every result says so. In production there is no such root.',
  },
  'evidence.expired': {
    look: 'the detail: a token or a certificate. `portcullis attest verify --at TIME` shows whether it was good at its time.',
    mend: 'An attester that keeps its evidence must make it anew for each challenge.',
  },
  'evidence.not_yet_valid': {
    look: '`date -u` at the gateway and in the machine that made it.',
    mend: 'Confidential machines get their clock from the host: let them ask an NTP server that is authenticated.',
  },
  'evidence.revoked': {
    look: 'the bulletin of the vendor about the key, chip or platform. The list is genuine: it was verified before it was believed.',
    mend: 'Move the server to other hardware, and accept that with `portcullis server attest NAME --accept-new-hardware`.',
  },
  'evidence.key_mismatch': {
    look: 'which of the two is of another machine: the detail names the certificate. After a firmware update of SEV-SNP the VCEK is another one.',
    mend: 'An attester that keeps the VCEK must fetch it anew when the reported TCB has changed.',
  },
  'evidence.unknown_key': {
    look: 'the `kid` of the token beside the key set of the issuer. Key sets are fetched again after half an hour, supplied ones when you supply them.',
    mend: 'With supplied collateral, replace the document and its `received_at`.',
  },
  'evidence.offered_key': {
    look: 'the header of the token: `jwk`, `jku`, `x5u`, or an `x5c` where the kind has none.',
    mend: 'Genuine issuers do not do this: treat it as an attack until you know which tool made the token.',
  },
  'evidence.issuer': {
    look: 'the detail names the claim: `iss`, `aud`, the project, the zone, the account.',
    mend: 'The audience is `portcullis-att-v1` unless `audiences` says otherwise; for `gcp-identity` it is `portcullis:` and the binder.',
  },

  'evidence.nonce_mismatch': {
    look: 'the binder is one digest over nonce, key, server id, address and connection: whichever of them differs, it is this. Compare `serverId` and `targetUrl` of the attester with `spiffe_id` (or else `name`) and `url` under `servers`, letter by letter. Is there a proxy or load balancer that ends TLS in front?',
    mend: 'When all that agrees and it worked before, take it seriously: somebody relayed the challenge to another machine, or answered with evidence of before. `portcullis attest challenge` makes a binder to compare with.',
  },
  'evidence.binding_mismatch': {
    look: 'the detail: `server_id of the envelope`, or the part of `binding` that was not covered. Without a detail the kind of evidence has no room for the binder, or held none.',
    mend: 'An attester that cannot reach the exporter of its TLS library can be asked for `binding: [spki]`; say in your risk log that relays by somebody who has the key are then not seen.',
  },
  'evidence.replay': {
    look: '`portcullis_attestation_replays_total`. One may be a retry of a broken middlebox; several from one server are somebody trying.',
    mend: 'Replicas have to share one store, or a challenge of one is unknown to the other. Nothing is to be cleared by hand: the next challenge is a new one.',
  },
  'evidence.stale': {
    look: 'the detail: the challenge (longer than `challenge_ttl` under way) or the kind of evidence (made longer ago than `max_evidence_age`).',
    mend: 'A slow TPM behind a slow link may need a longer `challenge_ttl`; an attester that caches must not.',
  },
  'evidence.freshness_unchecked': {
    look: 'which kind was asked for: AWS instance identity documents have no room for a nonce.',
    mend: 'Ask for a kind that has, or use the document besides another one that is required.',
  },

  'evidence.debug': {
    look: '`details.evidence[].flags.debug`. For Nitro, PCR0 to PCR2 that are zero are debug mode.',
    mend: 'The host can read and change such a guest. `allow_debug: true` is for a laboratory, in a policy of its own.',
  },
  'evidence.privilege': {
    look: '`details.evidence[].flags.vmpl`. With a paravisor (Azure) the report is made at VMPL 0 by the paravisor, not by the guest.',
    mend: 'A guest at a higher number is at the mercy of what runs below it: allow it only when that is measured, too.',
  },
  'evidence.migration': {
    look: 'the flags of the report: a migration agent is associated, or the trust domain is migratable.',
    mend: 'Whoever controls the agent decides where the memory goes.',
  },
  'evidence.product': {
    look: '`details.evidence[].product`, and the key type: a VLEK is a key that AMD leased to a provider, who is named in `csp_ids`.',
    mend: 'A policy without `products` allows none.',
  },
  'evidence.configuration': {
    look: 'the detail names the setting: memory aliases, SEPT_VE_DISABLE, a masked chip id, secure boot.',
    mend: 'Most are settings of the host: ask whoever runs it. `require_alias_check: false` is for firmware that does not report the check yet.',
  },
  'evidence.tcb_low': {
    look: 'the detail has the component, or Intel’s status with its advisories. `details.evidence[].tcb` has all versions.',
    mend: 'With `tolerate` you accept named advisories until a day; the day ends by itself and the server with it. Do not lower `min_tcb` without a date in your calendar.',
  },
  'evidence.tcb_revoked': {
    look: 'Intel’s advisory for the status `Revoked`, or a platform that is not in the TCB information at all.',
    mend: 'This cannot be tolerated. Move the server until the firmware is new.',
  },
  'evidence.collateral_missing': {
    look: 'the detail has the id of the document. `portcullis_collateral_fetch_failures_total`; can the gateway reach the vendor? Is `collateral.fetch` off?',
    mend: 'Supply it under that id in `index.json`: see [without a way out](attestation.md#collateral-online-and-offline).',
  },
  'evidence.collateral_stale': {
    look: '`nextUpdate` of the document that the detail names, and the clock. `portcullis_collateral_age_seconds` shows how old what is kept is.',
    mend: 'Supplied documents are yours to renew: half of the time between `thisUpdate` and `nextUpdate` is a good rhythm. A lower number than before means that somebody shows you an old one.',
  },
  'evidence.collateral_invalid': {
    look: 'the detail. A proxy that answers with a page of its own, or a cache (PCCS) of another platform, are the usual causes.',
    mend: 'Fetch the document by hand from the vendor and compare the bytes.',
  },
  'evidence.measurement_unlisted': {
    look: 'the detail has the name of the register; `details.evidence[].measurements` has its value, which `portcullis attest verify` prints, too. Is it a build that you released? `has ended` means that its `not_after` is over.',
    mend: 'Never list a value because a server shows it: take it from the build. If no build of yours has it, something else runs there.',
  },
  'evidence.build_refused': {
    look: '`details.matched` has the reference values that matched; which of `image_digest`, `kernel`, `firmware` do they state?',
    mend: 'A reference value that says nothing of the kernel does not pass a policy that asks for one.',
  },
  'evidence.measurement_mismatch': {
    look: 'the detail: a register that the event log does not add up to, or a digest of registers that is not the signed one.',
    mend: 'Usually a quote and a log of different boots, or registers that changed between reading and quoting: read, quote, read again. A log that never adds up was edited.',
  },
  'evidence.registers_missing': {
    look: 'the detail has the bank and register.',
    mend: 'The selection of the quote has to hold every bank in `banks` with every register in `reference.pcrs`.',
  },
  'evidence.ak_attributes': {
    look: 'the detail names the attribute. `tpm2_readpublic` shows them: `restricted`, `sign`, `fixedtpm`, `fixedparent` and `sensitivedataorigin` are needed, `decrypt` must not be there.',
    mend: 'A key without them could sign a quote that no TPM made.',
  },
  'evidence.ak_untrusted': {
    look: 'the detail has `ak_trust`. Enrolled keys are SHA-256 digests of the public area or of the SubjectPublicKeyInfo; `details.evidence[].signerSha256` is the one that came.',
    mend: 'A TPM that was cleared has new keys: enrol again, and ask why it was cleared.',
  },
  'evidence.identity_only': {
    look: 'the detail has the kind: AWS instance identity, Azure metadata and GCP identity say who, not what.',
    mend: 'Such a document beside a TPM or TEE is fine: require both in `all_of`.',
  },
  'evidence.identity_changed': {
    look: '`details.drift.found` in the record: id of the hardware, product, key. Did your provider move the server, or did you?',
    mend: 'It is accepted this once; what is shown from then on is what counts. It takes the right `api:server.attest`.',
  },
  'evidence.regressed': {
    look: '`details.drift.found` names the version or counter that went back, or the kind of evidence that is no longer given.',
    mend: 'A rollback of firmware brings its holes back. If you rolled back on purpose: `portcullis server attest NAME --accept-new-hardware` begins anew.',
  },
  'evidence.result_expired': {
    look: 'the records since the last `admit`: the reason of each attempt is why it ran out.',
    mend: 'If the attempts are passing (`evidence.unavailable`, `tls.unavailable`), the server was away for longer than the result held: `result.ttl` is how long you are willing to trust it unseen.',
  },
  'evidence.platform_software': {
    look: 'the detail: the TDX module (MRSIGNERSEAM), or the quoting enclave.',
    mend: 'It is not made by Intel, or is one that Intel’s documents do not know: ask whoever runs the host.',
  },

  'package.unmeasured': {
    look: 'the detail: no such program, a file that cannot be read, too many files. Programs are looked for on the `PATH` of the gateway.',
    mend: 'Commands such as `npx` start something that is not measured: install the server and name its file.',
  },
  'package.unlisted': {
    look: 'the detail: `command`, or the argument by its number. `sha256sum FILE`, with links followed, is what is compared.',
    mend: 'An update of Node changes the digest of `node`, too. If nobody updated anything, take it as a break-in.',
  },

  'policy.none': {
    look: '`attestation.require` is `all`. Which policy did you mean: do its `applies_to.servers` and `tags` both fit?',
    mend: '`*` in `applies_to.servers` does not stand for a `/`; `**` does.',
  },
  'policy.unasked': {
    look: 'is there an entry with `use: attest`, with `grants: { attestation: true }`, in a mode that answers in time (`enforce`, `permissive` or `guard`), and without conditions that leave this server out?',
    mend: 'An entry in mode `audit` or `background` asks when it is too late, and the server stays out. To look first, use `mode: observe` in the policy.',
  },
  'policy.vetoed': {
    look: 'the record of the veto in the audit: it names the entry and its code.',
    mend: 'This is no verdict about the evidence: another plugin has a say at the same point.',
  },
  'policy.error': {
    look: 'the detail: a policy that is not there, or two that both apply.',
    mend: 'For two that apply, name one in `servers[].attestation`.',
  },
  'policy.transport': {
    look: 'how the server is reached: `http`, `ws` and commands have no TLS.',
    mend: 'A sidecar that ends TLS on the same machine does not help: the evidence names the key of the sidecar.',
  },

  'internal.store_unavailable': {
    look: '`/readyz` under `store`, and the log.',
    mend: 'Servers that are admitted go on until their results end. Nothing new is admitted, because nobody could say whether a challenge was used before.',
  },
  'internal.timeout': {
    look: '`portcullis_attestation_duration_seconds` by stage: is it fetching, TLS or verifying?',
    mend: 'Verifying takes milliseconds: when it takes longer than `attestation.deadline`, the machine is overloaded or the document was made to be slow.',
  },
  'internal.busy': {
    look: 'how many servers attest at once; after a restart they all do.',
    mend: 'It passes by itself. If it stays, somebody makes challenges and lets them lie: `jitter` spreads honest servers.',
  },
  'internal.error': {
    look: 'the log of the gateway at that time; `portcullis attest verify` with the same evidence, policy and time often shows it again.',
    mend: 'It refuses, because a verifier that broke has shown nothing.',
  },
}
