// The files that the section attestation names, read and checked with the configuration: a change of one is a change of it.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AttestationOptions } from '../../attest/options.ts'
import { isAppError } from '../../base/errors.ts'
import { suggest } from '../../base/suggest.ts'
import type { LoadedConfig, Loader } from '../../config/load.ts'
import { configError, createProblem, type Path, type Problem } from '../../config/problem.ts'
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
  const { policies, files, folders, warnings } = await loadPolicies(options.policies, { anchors })
  const unknown = unknownPolicies(loaded, new Set(policies.map(({ id }) => id)))
  if (unknown.length > 0) throw configError(unknown, { files, folders })
  await readMaterial(options).catch((error: unknown) => {
    throw atItsPlace(error, loaded, { files: [...files, ...namedFiles(options)], folders })
  })
  const all = [...files, ...(await materialFiles(options))]
  const digests = await Promise.all(all.map(async (file) => [file, await digestOf(file)] as const))
  return loader.accompany(loaded, {
    companions: { attestation: Object.fromEntries(digests) },
    files: all,
    folders,
    warnings: [...warnings, ...nobodyAsks(loaded)],
  })
}

const NOWHERE = { file: '', line: 0, column: 0 }

function problemAt(
  loaded: LoadedConfig<GatewayConfig>,
  path: Path,
  message: string,
  suggestion?: string,
): Problem {
  return createProblem(loaded.locate(path) ?? NOWHERE, path, message, { suggestion })
}

/** A server that names a policy which is not there would be refused for ever. */
function unknownPolicies(
  loaded: LoadedConfig<GatewayConfig>,
  known: ReadonlySet<string>,
): readonly Problem[] {
  return loaded.config.servers.flatMap(({ attestation: id }, index) =>
    id === undefined || known.has(id)
      ? []
      : problemAt(
          loaded,
          ['servers', index, 'attestation'],
          `servers[${index}].attestation: no file of attestation.policies has the id "${id}"`,
          suggest(id, known),
        ),
  )
}

/** Modes in which an entry answers before it is decided whether a server serves. */
const IN_TIME: readonly string[] = ['enforce', 'permissive', 'guard']

/** Whoever stands in the store may ask, too: so it is a warning. */
function nobodyAsks(loaded: LoadedConfig<GatewayConfig>): readonly Problem[] {
  const { attestation, plugins } = loaded.config
  const asks =
    plugins.enabled &&
    plugins.entries.some(
      ({ grants, mode }) => grants?.attestation === true && IN_TIME.includes(mode ?? 'enforce'),
    )
  if (asks || attestation?.policies.length === 0) return []
  const message =
    'attestation.policies: servers with a policy stay out, because no entry of plugins asks for their attestation: add { name: attestation, use: attest, grants: { attestation: true } }'
  return [problemAt(loaded, ['attestation', 'policies'], message)]
}

/** `read`: what is watched, so that it is noticed when the file is mended. */
function atItsPlace(
  error: unknown,
  loaded: LoadedConfig<GatewayConfig>,
  read: Parameters<typeof configError>[1],
): unknown {
  if (!isAppError(error) || !Array.isArray(error.data?.at)) return error
  return configError([problemAt(loaded, error.data.at, error.message)], read)
}

async function materialFiles(options: AttestationOptions): Promise<readonly string[]> {
  const { directory } = options.collateral
  const supplied =
    directory === undefined ? [] : (await readdir(directory)).map((name) => join(directory, name))
  return [...namedFiles(options), ...supplied]
}

function namedFiles({ anchors, roots, spiffe, client }: AttestationOptions): readonly string[] {
  const named = [...Object.values(anchors), ...Object.values(roots), ...Object.values(spiffe)]
  const own = client ? [client.cert_file, client.key_file] : []
  return [...named.flatMap(({ file }) => file ?? []), ...own]
}

async function digestOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex')
}
