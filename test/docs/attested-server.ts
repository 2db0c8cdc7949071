// What docs/attestation.md speaks of: a real TLS server on a free port under an authority of its own, and the files that its examples name.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { liveAuthority } from '../e2e/attestation/authority.ts'
import { attestedServer } from '../e2e/attestation/server.ts'

const BUNDLE = join(import.meta.dirname, '../fixtures/attestation/spiffe/spiffebundle_valid_1.json')

export interface AttestedServer extends AsyncDisposable {
  /** Its origin. */
  readonly origin: string
  /** By name: anchors, the certificate of the gateway, bundles, collateral. */
  readonly files: Readonly<Record<string, string>>
}

export async function startAttestedServer(): Promise<AttestedServer> {
  const authority = liveAuthority('Documentation')
  const server = await attestedServer({ serverId: 'files', ...authority.leaf() })
  const client = authority.leaf()
  const bundle = readFileSync(BUNDLE, 'utf8')
  return {
    origin: new URL(server.url).origin,
    files: {
      'anchors/prod-2026.pem': authority.pem,
      'anchors/prod-2027.pem': liveAuthority('Next').pem,
      'client/gateway.pem': client.cert,
      'client/gateway.key': client.key,
      'bundles/prod.example.json': bundle,
      'bundles/partner.example.json': bundle,
      'collateral/aws-nitro-root.crl': '',
      'collateral/tcb.json': '{}',
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
