// Appraisal policies from their files: read, held against the closed schema, compiled; every fault with file, line and column.
import { createHash } from 'node:crypto'
import { basename, dirname, join, resolve } from 'node:path'
import { EVIDENCE_SECTIONS, TLS_SECTION } from '../../attest/evidence/table.ts'
import { compilePolicy, type PolicyFile } from '../../attest/policy/compile.ts'
import type { AppraisalPolicy } from '../../attest/policy/policy.ts'
import { policySchema } from '../../attest/policy/schema.ts'
import { matchesGlob } from '../../attest/policy/select.ts'
import { suggest } from '../../base/suggest.ts'
import { configError, createProblem, type Place, type Problem } from '../../config/problem.ts'
import { complete, convert } from '../../config/schema/resolve.ts'
import type { Schema } from '../../config/schema/schema.ts'
import { createValidator, type Validate } from '../../config/schema/validate.ts'
import { type ConfigFs, isOpenFolder, nodeFs, readTrusted } from '../../config/source/file.ts'
import { findNode } from '../../config/source/tree.ts'
import { parseYaml } from '../../config/source/yaml.ts'

export interface ReadPolicy {
  /** Undefined when there are problems. */
  readonly policy: AppraisalPolicy | undefined
  readonly problems: readonly Problem[]
  /** Where its id stands. */
  readonly place: Place
}

export interface LoadedPolicies {
  readonly policies: readonly AppraisalPolicy[]
  readonly warnings: readonly Problem[]
  /** Everything that was read, absolute, and the folders that a pattern looked through: what a watcher watches. */
  readonly files: readonly string[]
  readonly folders: readonly string[]
}

let compiled: { readonly schema: Schema; readonly validate: Validate } | undefined

/** The schema of a policy file; made once, when the first policy is read. */
export function policyFileSchema(): { readonly schema: Schema; readonly validate: Validate } {
  if (compiled === undefined) {
    const schema: Schema = policySchema(TLS_SECTION, EVIDENCE_SECTIONS)
    compiled = { schema, validate: createValidator(schema) }
  }
  return compiled
}

/**
 * One policy. A policy stands for itself: nothing is included or substituted in it, so that the digest of the file is the
 * digest of what it says. `anchors`: names that `tls.anchors` may use; undefined: they are not known here.
 */
export function readPolicy(text: string, file: string, anchors?: ReadonlySet<string>): ReadPolicy {
  const place = { file, line: 1, column: 1 }
  const failed = (problems: readonly Problem[], at: Place = place): ReadPolicy => ({
    policy: undefined,
    problems,
    place: at,
  })
  const { tree, problems } = parseYaml(text, file)
  if (tree === undefined)
    return failed(
      problems.length > 0
        ? problems
        : [createProblem(place, [], 'the policy is empty; it starts with "version: 1"')],
    )
  const { schema, validate } = policyFileSchema()
  const wrong = validate(tree)
  const at = findNode(tree, ['id']).node.place
  if (wrong.length > 0) return failed(wrong, at)
  const value = convert(complete(tree, schema), schema) as unknown as PolicyFile
  const { policy, problems: found } = compilePolicy(value, sha256Of(text))
  const all = [...found, ...unknownAnchors(value.tls, anchors)].map(
    ({ path, message, suggestion }) =>
      createProblem(findNode(tree, path).node.place, path, message, { suggestion }),
  )
  return all.length > 0 ? failed(all, at) : { policy, problems: [], place: at }
}

/** Throws an AppError with every problem of every file (see `problemsOf`). */
export async function loadPolicies(
  patterns: readonly string[],
  options: { readonly fs?: ConfigFs; readonly anchors?: ReadonlySet<string> } = {},
): Promise<LoadedPolicies> {
  const { fs = nodeFs, anchors } = options
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const folders = new Set<string>()
  const files = new Set<string>()
  for (const pattern of patterns)
    for (const file of await expand(fs, resolve(pattern), { folders, problems })) files.add(file)
  const read = new Map<string, { readonly policy: AppraisalPolicy; readonly place: Place }>()
  for (const file of files) {
    const given = await readTrusted(fs, file)
    problems.push(...given.problems.map(asOfPolicy))
    warnings.push(...given.warnings)
    if (given.text === undefined) continue
    const { policy, problems: wrong, place } = readPolicy(given.text, file, anchors)
    problems.push(...wrong)
    if (policy === undefined) continue
    const first = read.get(policy.id)
    if (first)
      problems.push(
        createProblem(
          place,
          ['id'],
          `id: the policy "${policy.id}" is already in ${first.place.file}`,
        ),
      )
    else read.set(policy.id, { policy, place })
  }
  const policies = [...read.values()].map(({ policy }) => policy)
  const watched = { files: [...files], folders: [...folders] }
  if (problems.length > 0) throw configError(problems, watched)
  return { policies, warnings, ...watched }
}

/** What is said of a configuration that is not there leads astray: it is the policy that is missing. */
function asOfPolicy(problem: Problem): Problem {
  if (problem.code !== 'CONFIG_NOT_FOUND') return problem
  const message = 'there is no such file, and attestation.policies or the command names it'
  return { ...problem, code: 'CONFIG_INVALID', message }
}

function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function unknownAnchors(tls: unknown, anchors: ReadonlySet<string> | undefined) {
  const { anchors: named = [] } = (tls ?? {}) as { anchors?: readonly string[] }
  if (anchors === undefined) return []
  return named.flatMap((name, index) =>
    anchors.has(name)
      ? []
      : [
          {
            path: ['tls', 'anchors', index],
            message: `there is no anchor "${name}" in attestation.anchors or attestation.spiffe`,
            suggestion: suggest(name, anchors),
          },
        ],
  )
}

/** A `*` may stand in the file name; matches are sorted. A pattern without a match is a fault: it was meant to name a policy. */
async function expand(
  fs: ConfigFs,
  pattern: string,
  { folders, problems }: { readonly folders: Set<string>; readonly problems: Problem[] },
): Promise<readonly string[]> {
  if (!pattern.includes('*')) return [pattern]
  const folder = dirname(pattern)
  const refuse = (message: string): readonly string[] => {
    problems.push(createProblem({ file: pattern, line: 0, column: 0 }, [], message))
    return []
  }
  if (folder.includes('*')) return refuse('a * may stand in the file name only, not in the folder')
  folders.add(folder)
  try {
    if (await isOpenFolder(fs, folder, { sticky: false }))
      return refuse(`everyone can add files to ${folder}; run chmod o-w ${folder}`)
    const names = await fs.list(folder)
    const matching = names
      .filter((name) => !name.startsWith('.') && matchesGlob(basename(pattern), name))
      .sort()
    return matching.length > 0
      ? matching.map((name) => join(folder, name))
      : refuse('no file is named like this')
  } catch {
    return refuse(`the folder ${folder} cannot be read`)
  }
}
