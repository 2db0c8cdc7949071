// The files that the section attestation names, read and checked with the configuration: a change of one is a change of it.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AttestationOptions } from '../../attest/options.ts'
import type { LoadedConfig, Loader } from '../../config/load.ts'
import type { GatewayConfig } from '../sections.ts'
import { readMaterial } from './material.ts'
import { loadPolicies } from './policies.ts'

/** Rejects with CONFIG_INVALID: every problem of every policy, or what is wrong with a file. */
export async function withCompanions(
  loader: Loader<GatewayConfig>,
  loaded: LoadedConfig<GatewayConfig>,
): Promise<LoadedConfig<GatewayConfig>> {
  const options = loaded.config.attestation
  if (options === undefined) return loaded
  const anchors = new Set([...Object.keys(options.anchors), ...Object.keys(options.spiffe)])
  const { files, folders, warnings } = await loadPolicies(options.policies, { anchors })
  await readMaterial(options)
  const all = [...files, ...(await materialFiles(options))]
  const digests = await Promise.all(all.map(async (file) => [file, await digestOf(file)] as const))
  return loader.accompany(loaded, {
    companions: { attestation: Object.fromEntries(digests) },
    files: all,
    folders,
    warnings,
  })
}

async function materialFiles(options: AttestationOptions): Promise<readonly string[]> {
  const { anchors, roots, spiffe, client, collateral } = options
  const named = [...Object.values(anchors), ...Object.values(roots), ...Object.values(spiffe)]
  const own = client ? [client.cert_file, client.key_file] : []
  const { directory } = collateral
  const supplied =
    directory === undefined ? [] : (await readdir(directory)).map((name) => join(directory, name))
  return [...named.flatMap(({ file }) => file ?? []), ...own, ...supplied]
}

async function digestOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}
