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
  'certificate-key': async () => (await import('./targets/certificate-key.ts')).certificateKey,
  'audit-line': async () => (await import('./targets/audit-line.ts')).auditLine,
  'attestation-envelope': async () =>
    (await import('./targets/attest/envelope.ts')).attestationEnvelope,
  cbor: async () => (await import('./targets/attest/cbor.ts')).cbor,
  nitro: async () => (await import('./targets/attest/nitro.ts')).nitro,
  snp: async () => (await import('./targets/attest/snp.ts')).snp,
  certificate: async () => (await import('./targets/attest/certificate.ts')).certificate,
  pem: async () => (await import('./targets/attest/pem.ts')).pem,
  crl: async () => (await import('./targets/attest/crl.ts')).crl,
  ocsp: async () => (await import('./targets/attest/ocsp.ts')).ocsp,
  manifest: async () => (await import('./targets/manifest.ts')).manifest,
  'dcap-quote': async () => (await import('./targets/attest/dcap-quote.ts')).dcapQuote,
  pck: async () => (await import('./targets/attest/pck.ts')).pck,
  'tcb-info': async () => (await import('./targets/attest/tcb-info.ts')).tcbInfo,
  tpms: async () => (await import('./targets/attest/tpms.ts')).tpms,
  'event-log': async () => (await import('./targets/attest/event-log.ts')).eventLog,
  'hcl-report': async () => (await import('./targets/attest/hcl-report.ts')).hclReport,
  'tpm-evidence': async () => (await import('./targets/attest/tpm-evidence.ts')).tpmEvidence,
  jws: async () => (await import('./targets/token/jws.ts')).jws,
  cms: async () => (await import('./targets/token/cms.ts')).cms,
  spiffe: async () => (await import('./targets/token/spiffe.ts')).spiffe,
  'spiffe-bundle': async () => (await import('./targets/token/spiffe-bundle.ts')).spiffeBundle,
}
