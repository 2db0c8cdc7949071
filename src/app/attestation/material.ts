// What attestation is configured with, read from its files: anchors, roots, supplied collateral, the gateway's own certificate; it judges no server.
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
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
import { AppError, isAppError } from '../../base/errors.ts'
import { whyUnreadable } from '../../base/unreadable.ts'
import { formatPath, type Path } from '../../config/problem.ts'
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

/** Throws CONFIG_INVALID naming the option and what is wrong with its file; `data.at` is the option. */
export async function readMaterial(options: AttestationOptions): Promise<Material> {
  const anchors: TlsAnchor[] = []
  for (const [name, anchor] of Object.entries(options.anchors)) {
    const at = ['attestation', 'anchors', name]
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
    for (const { der } of await certificatesOf(root, ['attestation', 'roots', id]))
      list.push({ id, der, ...(synthetic ? { synthetic } : {}) })
  }
  const { directory } = options.collateral
  return {
    anchors,
    roots,
    supplied: directory === undefined ? new Map() : await suppliedIn(directory),
    bundles: await readBundles(options),
    client: await clientOf(options.client),
  }
}

/** PEM of anchors by name, those whose time it is. */
export function authoritiesOf(
  anchors: readonly TlsAnchor[],
  names: readonly string[],
  now: number,
): readonly string[] {
  return anchors
    .filter(
      ({ name, notBefore = 0, notAfter = Number.POSITIVE_INFINITY }) =>
        names.includes(name) && notBefore <= now && now <= notAfter,
    )
    .map(({ der }) => pemOf(der))
}

async function certificatesOf(
  { file, pem }: { readonly file?: string; readonly pem?: string },
  at: Path,
): Promise<readonly Certificate[]> {
  const text = pem ?? (await textOf(file ?? '', [...at, 'file']))
  const where = pem === undefined ? [...at, 'file'] : [...at, 'pem']
  try {
    const blocks = readPem(text, { bytes: MOST_BYTES, blocks: 512 })
    const found = blocks.filter(({ label }) => label === 'CERTIFICATE')
    if (found.length === 0) throw wrong(where, `there is no certificate in ${file ?? 'it'}`)
    return found.map(({ bytes }) => Certificate.parse(bytes))
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    throw wrong(
      where,
      `no certificates in PEM in ${file ?? 'it'}: ${error.detail ?? error.message}`,
    )
  }
}

async function textOf(file: string, at: Path): Promise<string> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw wrong(at, `${file}: ${whyUnreadable(error)}`)
  })
  if (bytes.length > MOST_BYTES) throw wrong(at, `${file}: more than ${MOST_BYTES} bytes`)
  return bytes.toString('utf8')
}

async function clientOf(client: AttestationOptions['client']): Promise<Material['client']> {
  if (client === undefined) return {}
  const read = (member: 'cert_file' | 'key_file') =>
    textOf(client[member], ['attestation', 'client', member])
  const own = { cert: await read('cert_file'), key: await read('key_file') }
  try {
    createSecureContext(own)
  } catch {
    // its message may quote what was read
    throw wrong(['attestation', 'client'], 'no certificate and key in PEM that belong together')
  }
  return own
}

async function suppliedIn(directory: string): Promise<Collateral> {
  return readCollateralFolder(directory).catch((error: unknown) => {
    if (!isAppError(error, 'CONFIG_INVALID')) throw error
    throw wrong(['attestation', 'collateral', 'directory'], error.message)
  })
}

function wrong(at: Path, why: string): AppError {
  return new AppError('CONFIG_INVALID', `${formatPath(at)}: ${why}`, { data: { at } })
}
