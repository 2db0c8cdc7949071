// The one table of reasons why a server is not admitted; codes only, no rule.
// Over 300 lines because it is a table.

/** Where in an appraisal a reason arises, in the order of the checks. */
export type Stage =
  | 'policy'
  | 'tls'
  | 'challenge'
  | 'parse'
  | 'chain'
  | 'revocation'
  | 'signature'
  | 'binding'
  | 'appraisal'
  | 'admission'
  | 'internal'

export interface ReasonSpec {
  readonly stage: Stage
  /** What is the matter, one clause; the same in API, command line and audit. */
  readonly says: string
  /** What the operator does next. */
  readonly next: string
  /** True: nothing was shown against the server; it may be tried again, and a server that was admitted has its grace. */
  readonly transient?: boolean
}

const row = (stage: Stage, says: string, next: string): ReasonSpec => ({ stage, says, next })
const passing = (stage: Stage, says: string, next: string): ReasonSpec => ({
  stage,
  says,
  next,
  transient: true,
})

/** Codes are public contract: never reused, never renamed, pinned by a test, a runbook entry each in docs/attestation-reasons.md. */
export const REASONS = {
  // who is at the other end
  'tls.unavailable': passing(
    'tls',
    'no TLS connection to the server came about',
    'see that the server listens and speaks the TLS version of the policy',
  ),
  'tls.version': row(
    'tls',
    'the server speaks an older TLS version than the policy allows',
    'raise the version at the server, or lower tls.min_version',
  ),
  'tls.untrusted_anchor': row(
    'tls',
    'the certificate chain leads to no anchor of the policy',
    'add the issuing CA to attestation.anchors and to tls.anchors, or issue the certificate under one of them',
  ),
  'tls.chain': row(
    'tls',
    'the certificate chain is not valid',
    'correct the certificate that the detail names',
  ),
  'tls.expired': row('tls', 'a certificate of the chain has expired', 'renew it'),
  'tls.not_yet_valid': row(
    'tls',
    'a certificate of the chain is not valid yet',
    'compare the clocks, or wait',
  ),
  'tls.validity_too_long': row(
    'tls',
    'the certificate is valid for longer than the policy allows',
    'issue certificates of a shorter life, or raise tls.max_validity_days',
  ),
  'tls.name_mismatch': row(
    'tls',
    'the certificate names none of the identities of the policy',
    'issue it with the name of the server, or correct tls.identity',
  ),
  'tls.svid': row(
    'tls',
    'the certificate is no valid X.509-SVID',
    'let the SPIFFE provider issue it (X509-SVID sections 3 to 5)',
  ),
  'tls.revoked': row(
    'tls',
    'a certificate of the chain is revoked',
    'issue a new key and certificate',
  ),
  'tls.revocation_unknown': passing(
    'tls',
    'nobody could say whether the certificate is revoked',
    'see that its CRL or OCSP responder answers, or set tls.revocation.mode',
  ),
  'tls.mtls_absent': row(
    'tls',
    'the server takes clients without a certificate',
    'let the server require client certificates, or drop tls.mtls',
  ),
  'tls.key_changed': row(
    'tls',
    'the server presented another key than the one that was admitted',
    'attest it again: portcullis server attest NAME',
  ),

  // evidence: is it there and can it be read
  'evidence.missing': row(
    'parse',
    'evidence that the policy requires was not given',
    'let the server attest at /.well-known/mcp-attestation',
  ),
  'evidence.unavailable': passing(
    'parse',
    'the server did not answer the challenge in time or not with an envelope',
    'see that it serves /.well-known/mcp-attestation',
  ),
  'evidence.malformed': row(
    'parse',
    'a document is not of its format',
    'compare it with the format that the detail names',
  ),
  'evidence.unsupported': row(
    'parse',
    'a document is of a kind or version that is not known here',
    'use one of the kinds in docs/attestation.md',
  ),
  'evidence.too_large': row('parse', 'a document is larger than its limit', 'send less'),
  'evidence.budget': row(
    'parse',
    'checking a document would take more work than it may',
    'send a shorter chain and fewer certificates',
  ),

  // evidence: is it genuine
  'evidence.weak_algorithm': row(
    'signature',
    'an algorithm is too weak or not the one of this kind of evidence',
    'use the algorithms in docs/attestation.md',
  ),
  'evidence.signature': row(
    'signature',
    'a signature is not valid',
    'the document was changed, or is signed by another key',
  ),
  'evidence.chain': row(
    'chain',
    'the certificate chain of the evidence is not valid',
    'send the endorsements that belong to the evidence',
  ),
  'evidence.untrusted_root': row(
    'chain',
    'the chain of the evidence does not lead to a pinned root',
    'send the genuine chain; a root that comes with the evidence is not trusted',
  ),
  'evidence.expired': row(
    'chain',
    'the evidence, or a certificate of its chain, has expired',
    'make a fresh one',
  ),
  'evidence.not_yet_valid': row(
    'chain',
    'the evidence, or a certificate of its chain, is not valid yet',
    'compare the clocks',
  ),
  'evidence.revoked': row(
    'revocation',
    'a certificate or key of the evidence is revoked',
    'have the platform provisioned anew',
  ),
  'evidence.key_mismatch': row(
    'chain',
    'the certificate belongs to another chip or key than the evidence',
    'send the certificate of the key that signed',
  ),
  'evidence.unknown_key': row(
    'signature',
    'the token is signed by a key that its issuer does not publish',
    'see that the key set of the configured issuer is current',
  ),
  'evidence.offered_key': row(
    'signature',
    'the token brings its own key, or says where to fetch one, which nobody does',
    'have it signed by a key of its issuer, and name that key by kid only',
  ),
  'evidence.issuer': row(
    'appraisal',
    'the token is of another issuer or for another audience',
    'correct evidence.token.issuers, or request the token for this gateway',
  ),

  // evidence: is it ours and of now
  'evidence.nonce_mismatch': row(
    'binding',
    'the evidence answers another challenge',
    'make the evidence for the nonce of this challenge',
  ),
  'evidence.binding_mismatch': row(
    'binding',
    'the evidence names another key, server or connection',
    'let the process that ends TLS make the evidence, over the binder of this connection',
  ),
  'evidence.replay': row(
    'challenge',
    'the challenge or the evidence was used before',
    'ask for a new challenge',
  ),
  'evidence.stale': row(
    'binding',
    'the evidence or the challenge is older than the policy allows',
    'make fresh evidence',
  ),
  'evidence.freshness_unchecked': row(
    'binding',
    'the evidence was given without a challenge, and nothing shows that it is of now',
    'attest over the challenge protocol',
  ),

  // evidence: do we want what it says
  'evidence.debug': row(
    'appraisal',
    'the evidence is of a debuggable environment, which anybody may look into',
    'run without debug mode',
  ),
  'evidence.privilege': row(
    'appraisal',
    'the evidence was made at a privilege level (VMPL) that the policy does not allow',
    'make it at an allowed level, or correct evidence.sev-snp.vmpl',
  ),
  'evidence.migration': row(
    'appraisal',
    'the environment may be migrated by an agent, and the policy does not allow it',
    'launch without a migration agent, or set allow_migration',
  ),
  'evidence.product': row(
    'appraisal',
    'the hardware, or the kind of key that signed, is not among those the policy allows',
    'correct products, key_types or csp_ids of the policy',
  ),
  'evidence.configuration': row(
    'appraisal',
    'the environment is configured in a way that the policy does not allow',
    'correct the setting that the detail names',
  ),
  'evidence.tcb_low': row(
    'appraisal',
    'firmware or microcode is older than the policy allows',
    'update the platform, or tolerate it until a date',
  ),
  'evidence.tcb_revoked': row(
    'appraisal',
    'the platform is at a TCB level that its vendor revoked or does not know',
    'update the platform',
  ),
  'evidence.collateral_missing': passing(
    'revocation',
    'collateral that the verification needs is not there',
    'see that its source is reachable, or supply it with the evidence or in attestation.collateral',
  ),
  'evidence.collateral_stale': row(
    'revocation',
    'collateral is outside its time, or older than what was seen before',
    'refresh it',
  ),
  'evidence.collateral_invalid': row(
    'revocation',
    'collateral is not genuine, or is of another platform',
    'see where it comes from',
  ),
  'evidence.measurement_unlisted': row(
    'appraisal',
    'a measurement is in no reference value of the policy',
    'add the build to reference_values, or find out what runs there',
  ),
  'evidence.build_refused': row(
    'appraisal',
    'the build that was measured is not one that the policy allows',
    'run a build that evidence.builds allows, or state image, kernel and firmware in reference_values',
  ),
  'evidence.measurement_mismatch': row(
    'appraisal',
    'the registers or the event log do not add up to what was signed',
    'send the log and the registers of the time of the quote',
  ),
  'evidence.registers_missing': row(
    'appraisal',
    'the quote does not cover the registers that the policy is about',
    'quote every bank and register that evidence.tpm names',
  ),
  'evidence.ak_attributes': row(
    'chain',
    'the attestation key may sign what its TPM did not make, or may leave it',
    'make a restricted signing key that is fixed to the TPM',
  ),
  'evidence.ak_untrusted': row(
    'chain',
    'nothing vouches for the attestation key of the TPM',
    'send its certificate, enrol it, or let a TEE report name it',
  ),
  'evidence.identity_only': row(
    'appraisal',
    'the document shows who the machine is, not what it runs',
    'use evidence of a TEE or TPM, or a policy that asks for identity only',
  ),
  'evidence.identity_changed': row(
    'admission',
    'the server is now on other hardware than the one that was admitted',
    'if that is meant: portcullis server attest NAME --accept-new-hardware',
  ),
  'evidence.regressed': row(
    'admission',
    'a version went back since the last attestation',
    'find out who downgraded the platform',
  ),
  'evidence.result_expired': row(
    'admission',
    'the last attestation has run out and was not renewed',
    'see why attesting it again fails: portcullis server attest NAME',
  ),
  'evidence.platform_software': row(
    'appraisal',
    'the module or enclave that vouches for the environment is not one that its vendor names',
    'have the platform run the TDX module and quoting enclave of its vendor',
  ),

  // servers without TLS
  'package.unmeasured': row(
    'appraisal',
    'the command of the server cannot be measured',
    'name a program that exists, by its path',
  ),
  'package.unlisted': row(
    'appraisal',
    'the command of the server is not one that the policy lists',
    'add its digest to package.reference, or find out what changed it',
  ),

  // the policy itself
  'policy.none': row(
    'policy',
    'no appraisal policy is for this server, and attestation is required of all',
    'name one in servers[].attestation, or extend applies_to',
  ),
  'policy.unasked': row(
    'policy',
    'the server has an appraisal policy, and no plugin entry had it attested',
    'add an entry that uses attest, or take its conditions away that keep it from this server',
  ),
  'policy.vetoed': row(
    'policy',
    'a plugin refused the server',
    'ask whoever wrote the entry that refused it, which the audit names',
  ),
  'policy.error': row(
    'policy',
    'the appraisal policy cannot be used',
    'portcullis attest policy check',
  ),
  'policy.transport': row(
    'policy',
    'the server has no TLS, and the policy asks for it',
    'reach it over https or wss, or use a policy with package only',
  ),

  // us
  'internal.store_unavailable': passing(
    'internal',
    'the store could not be asked, so nothing is admitted',
    'see to the store',
  ),
  'internal.timeout': passing('internal', 'the appraisal took too long', 'try again'),
  'internal.busy': passing(
    'internal',
    'too many challenges are open',
    'wait until they have expired',
  ),
  'internal.error': passing(
    'internal',
    'the appraisal failed by a fault of the gateway',
    'report it with the request id',
  ),
} as const satisfies Readonly<Record<string, ReasonSpec>>

export type Reason = keyof typeof REASONS
