// What attestation is configured with, read from its files: anchors, roots, supplied collateral, the gateway's own certificate; it judges no server.
import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import type { TlsAnchor } from '../../attest/appraisal/result.ts'
import type { Collateral } from '../../attest/collateral.ts'
import { Denial } from '../../attest/denial.ts'
import type { EvidenceRoot } from '../../attest/evidence/evidence.ts'
import { Certificate } from '../../attest/format/certificate.ts'
import { pemOf, readPem } from '../../attest/format/pem.ts'
import type { AttestationOptions } from '../../attest/options.ts'
import { parseDate } from '../../attest/policy/date.ts'
import { VENDOR_ROOTS } from '../../attest/roots/roots.ts'
import type { BundleSource } from '../../attest/spiffe/living-bundle.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { TlsOptions } from '../../upstream/client.ts'
import { readBundles } from './bundles.ts'
import { readCollateralFolder } from './collateral-folder.ts'

export interface Material {
  readonly anchors: readonly TlsAnchor[]
  readonly roots: Readonly<Record<string, readonly EvidenceRoot[]>>
  readonly supplied: Collateral
  /** What the bundles of trust domains begin with, and where newer ones are had from. */
  readonly bundles: readonly BundleSource[]
  /** How the gateway proves who it is to servers that ask for it. */
  readonly client: Pick<TlsOptions, 'cert' | 'key'>
}

const MOST_BYTES = 4 * 1024 ** 2

/** Throws CONFIG_INVALID naming the option and what is wrong with its file. */
export async function readMaterial(options: AttestationOptions): Promise<Material> {
  const anchors: TlsAnchor[] = []
  for (const [name, anchor] of Object.entries(options.anchors)) {
    const at = `attestation.anchors.${name}`
    const { not_before: from, not_after: until } = anchor
    const times = {
      ...(from === undefined ? {} : { notBefore: parseDate(from, 'begin') ?? Number.NaN }),
      ...(until === undefined ? {} : { notAfter: parseDate(until, 'end') ?? Number.NaN }),
    }
    for (const { der } of await certificatesOf(anchor, at)) anchors.push({ name, der, ...times })
  }
  const roots: Record<string, EvidenceRoot[]> = Object.fromEntries(
    Object.entries(VENDOR_ROOTS).map(([family, pinned]) => [family, [...pinned]]),
  )
  for (const [id, root] of Object.entries(options.roots)) {
    const { family, synthetic } = root
    const list = roots[family] ?? []
    roots[family] = list
    for (const { der } of await certificatesOf(root, `attestation.roots.${id}`))
      list.push({ id, der, ...(synthetic ? { synthetic } : {}) })
  }
  const { directory } = options.collateral
  return {
    anchors,
    roots,
    supplied: directory === undefined ? new Map() : await readCollateralFolder(directory),
    bundles: await readBundles(options),
    client: await clientOf(options.client),
  }
}

/** PEM of anchors by name, those whose time it is; of a policy that does not judge the chain the roots of the system. */
export function authoritiesOf(
  anchors: readonly TlsAnchor[],
  names: readonly string[] | undefined,
  now: number,
): readonly string[] {
  if (names === undefined) return rootCertificates
  return anchors
    .filter(
      ({ name, notBefore = 0, notAfter = Number.POSITIVE_INFINITY }) =>
        names.includes(name) && notBefore <= now && now <= notAfter,
    )
    .map(({ der }) => pemOf(der))
}

async function certificatesOf(
  { file, pem }: { readonly file?: string; readonly pem?: string },
  at: string,
): Promise<readonly Certificate[]> {
  const text = pem ?? (await textOf(file ?? '', `${at}.file`))
  try {
    const blocks = readPem(text, { bytes: MOST_BYTES, blocks: 512 })
    const found = blocks.filter(({ label }) => label === 'CERTIFICATE')
    if (found.length === 0) throw new Error('there is no certificate in it')
    return found.map(({ bytes }) => Certificate.parse(bytes))
  } catch (error) {
    const why = error instanceof Denial ? (error.detail ?? error.message) : messageOf(error)
    throw new AppError('CONFIG_INVALID', `${at}: no certificates in PEM: ${why}`)
  }
}

async function textOf(file: string, at: string): Promise<string> {
  return (await bytesOf(file, at)).toString('utf8')
}

async function bytesOf(file: string, at: string): Promise<Buffer> {
  try {
    const bytes = await readFile(file)
    if (bytes.length > MOST_BYTES) throw new Error(`more than ${MOST_BYTES} bytes`)
    return bytes
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `${at}: ${file} cannot be read: ${messageOf(error)}`)
  }
}

async function clientOf(client: AttestationOptions['client']): Promise<Material['client']> {
  if (client === undefined) return {}
  return {
    cert: await textOf(client.cert_file, 'attestation.client.cert_file'),
    key: await textOf(client.key_file, 'attestation.client.key_file'),
  }
}
