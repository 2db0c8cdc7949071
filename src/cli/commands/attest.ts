// `portcullis attest`: evidence, policies and challenges without a gateway. What a server is asked is next door.
import { readFile } from 'node:fs/promises'
import { parse, resolve } from 'node:path'
import type { EvidenceItem, EvidenceRoot, EvidenceType } from '../../attest/evidence/evidence.ts'
import type { AppraisalPolicy } from '../../attest/policy/policy.ts'
import type { JsonObject } from '../../base/json.ts'
import { whyUnreadable } from '../../base/unreadable.ts'
import { configError } from '../../config/problem.ts'
import { repeated } from '../api/options.ts'
import { resultText } from '../attestation.ts'
import { type AddCommand, type Invocation, jsonObject, withOutput } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import type { Shell } from '../shell.ts'
import { columns } from '../style.ts'

interface VerifyOptions {
  readonly type: string
  readonly policy: string
  readonly at?: string
  readonly expectBinding?: string
  readonly endorsements?: string
  readonly collateral?: string
  readonly root?: readonly string[]
}

interface ChallengeOptions {
  readonly serverId?: string
  readonly url?: string
  readonly spki?: string
  readonly exporter?: string
}

export const addAttest: AddCommand = (program, run) => {
  const attest = program
    .command('attest')
    .description('check evidence and appraisal policies without a gateway')
  const verifying = attest
    .command('verify <file>')
    .description('verify one document and appraise it by a policy; no server is admitted by this')
    .requiredOption('--type <type>', 'kind of evidence, such as sev-snp, tdx, nitro or tpm')
    .requiredOption('--policy <file>', 'the appraisal policy')
    .option('--at <time>', 'time to verify at, such as 2026-11-28T00:00:00Z; now unless said')
    .option(
      '--expect-binding <hex>',
      'what must stand in the nonce of the evidence; without it freshness is not checked',
    )
    .option('--endorsements <file>', 'what goes with it in an envelope, as a JSON object')
    .option('--collateral <folder>', 'documents named in its index.json, instead of fetched ones')
    .option(
      '--root <family=file>',
      'a root besides the built-in ones, in PEM, such as tpm-ak=ca.pem or aws-iid=aws-iid-eu-west-1.pem; repeatable',
      repeated,
    )
    .action(run(verify))
  withOutput(verifying)
  const policy = attest.command('policy').description('appraisal policies')
  withOutput(
    policy
      .command('check <file...>')
      .description('say what is wrong with policies, with file, line and column')
      .action(run(checkPolicies)),
  )
  withOutput(
    attest
      .command('challenge')
      .description('make a fresh challenge, and the binder over it for one server and its key')
      .option('--server-id <id>', 'who is meant')
      .option('--url <url>', 'where it is reached')
      .option('--spki <hex>', 'SHA-256 of the public key that its TLS presents')
      .option('--exporter <hex>', 'what the TLS connection exports, 32 bytes')
      .action(run(challenge)),
  )
}

async function verify(
  { shell, output, options }: Invocation<VerifyOptions>,
  file: string,
): Promise<Exit> {
  const item = await itemOf(shell, file, options)
  const policy = await policyOf(shell, options.policy)
  const at = timeOf(options.at)
  const expected = options.expectBinding === undefined ? undefined : hexOf(options.expectBinding)
  const roots = await rootsOf(shell, options.root ?? [])
  const { appraiseOffline, missingCollateral } = await import('../../app/attestation/offline.ts')
  const collateral = await collateralOf(shell, options.collateral)
  const question = { item, policy, at, expected, roots, collateral }
  const missing = missingCollateral(question).map(({ id, urls, required }) => ({
    id,
    urls,
    required,
  }))
  const result = { ...appraiseOffline(question), missing }
  if (result.decision === 'accept' && result.evidence.length === 0)
    throw new UsageError(
      `${options.policy}: the policy does not judge evidence of type ${item.type}: it has no section for it`,
    )
  const { REASONS } = await import('../../attest/reasons.ts')
  const next = result.reason === undefined ? {} : { next: REASONS[result.reason].next }
  output.result({ ...result, ...next }, () => resultText({ ...result, ...next }, output.style))
  return result.decision === 'accept' ? EXIT.ok : EXIT.fault
}

async function checkPolicies(
  { shell, output }: Invocation<object>,
  files: readonly string[],
): Promise<Exit> {
  const { loadPolicies } = await import('../../app/attestation/policies.ts')
  const { policies, warnings } = await loadPolicies(files.map((file) => resolve(shell.cwd, file)))
  for (const warning of warnings) output.finding(warning)
  const checked = policies.map(({ id, sha256, mode }) => ({ id, sha256, mode }))
  output.result({ valid: true, policies: checked }, () =>
    columns(checked.map(({ id, sha256, mode }) => [output.style.strong(id), mode, sha256])),
  )
  return EXIT.ok
}

async function challenge({ output, options }: Invocation<ChallengeOptions>): Promise<Exit> {
  const { randomBytes } = await import('node:crypto')
  const { serverId, url, spki, exporter } = options
  const asked = [serverId, url, spki].filter((one) => one !== undefined).length
  if (asked !== 0 && asked !== 3)
    throw new UsageError('a binder needs --server-id, --url and --spki')
  if (exporter !== undefined && asked === 0)
    throw new UsageError('--exporter has no meaning without --server-id, --url and --spki')
  const nonce = randomBytes(32)
  const made = {
    v: 1,
    challenge_id: randomBytes(16).toString('base64url'),
    nonce: nonce.toString('base64url'),
  }
  if (serverId === undefined || url === undefined || spki === undefined) {
    output.result(made, () => rows(made))
    return EXIT.ok
  }
  const { binderOf } = await import('../../attest/freshness/binder.ts')
  const binder = binderOf({
    nonce,
    spkiSha256: digestOf(spki, '--spki'),
    serverId,
    targetUrl: url,
    ...(exporter === undefined ? {} : { exporter: digestOf(exporter, '--exporter') }),
  })
  const bound = { ...made, binder: Buffer.from(binder).toString('hex') }
  output.result(bound, () => rows(bound))
  return EXIT.ok
}

function rows(value: object): string {
  return columns(Object.entries(value).map(([name, text]) => [name, String(text)]))
}

async function itemOf(
  shell: Shell,
  file: string,
  { type, endorsements }: VerifyOptions,
): Promise<EvidenceItem> {
  const { EVIDENCE_TYPES } = await import('../../attest/evidence/evidence.ts')
  const { EVIDENCE_KINDS } = await import('../../attest/evidence/media.ts')
  const types: readonly string[] = EVIDENCE_TYPES
  if (!types.includes(type)) throw new UsageError(`--type: it is one of ${types.join(', ')}`)
  const isToken = EVIDENCE_KINDS[type as EvidenceType].section === 'token'
  const bytes = documentOf(await bytesOf(shell, file), isToken)
  const given = endorsements === undefined ? {} : await endorsementsIn(shell, endorsements)
  return { type: type as EvidenceType, bytes, endorsements: given }
}

// what is in the file is not told: it may be named by mistake
async function endorsementsIn(shell: Shell, file: string): Promise<JsonObject> {
  const text = (await bytesOf(shell, file)).toString('utf8')
  try {
    return jsonObject(text)
  } catch {
    throw new UsageError(`--endorsements: ${file} is no JSON object`)
  }
}

/** A token in a file often ends its line, which is not part of it; documents in bytes are as they are. */
function documentOf(bytes: Uint8Array, isToken: boolean): Uint8Array {
  const end = isToken ? /\r?\n$/.exec(Buffer.from(bytes.subarray(-2)).toString('latin1')) : null
  return end ? bytes.subarray(0, bytes.length - end[0].length) : bytes
}

async function policyOf(shell: Shell, file: string): Promise<AppraisalPolicy> {
  const { readPolicy } = await import('../../app/attestation/policies.ts')
  const path = resolve(shell.cwd, file)
  const { policy, problems } = readPolicy((await bytesOf(shell, file)).toString('utf8'), path)
  if (policy === undefined) throw configError(problems)
  return policy
}

async function collateralOf(shell: Shell, folder: string | undefined) {
  if (folder === undefined) return new Map()
  const { readCollateralFolder } = await import('../../app/attestation/collateral-folder.ts')
  return readCollateralFolder(resolve(shell.cwd, folder))
}

async function rootsOf(
  shell: Shell,
  given: readonly string[],
): Promise<Readonly<Record<string, readonly EvidenceRoot[]>>> {
  const roots: Record<string, EvidenceRoot[]> = {}
  for (const one of given) {
    const [, family, file] = /^([a-z-]+)=(.+)$/.exec(one) ?? []
    if (family === undefined || file === undefined)
      throw new UsageError('--root: a family and a file, such as tpm-ak=ca.pem')
    const { readPem } = await import('../../attest/format/pem.ts')
    const { NAMED_FAMILIES, PINNED_FAMILIES } = await import('../../attest/options.ts')
    const pinned: readonly string[] = PINNED_FAMILIES
    const families = [...NAMED_FAMILIES, ...PINNED_FAMILIES]
    if (!families.some((one) => one === family))
      throw new UsageError(`--root: the family is one of ${families.join(', ')}`)
    const synthetic = pinned.includes(family)
    const blocks = readPem((await bytesOf(shell, file)).toString('latin1'))
    if (blocks.length === 0) throw new UsageError(`--root: ${file}: no certificate in PEM`)
    for (const { bytes: der } of blocks)
      roots[family] = [...(roots[family] ?? []), { id: parse(file).name, der, synthetic }]
  }
  return roots
}

async function bytesOf(shell: Shell, file: string): Promise<Buffer> {
  try {
    return await readFile(resolve(shell.cwd, file))
  } catch (error) {
    throw new UsageError(`${file}: ${whyUnreadable(error)}`)
  }
}

function timeOf(text: string | undefined): number {
  if (text === undefined) return Date.now()
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`${text} is no time, such as 2026-11-28T00:00:00Z`)
  return time
}

function hexOf(text: string): Uint8Array {
  if (!/^(?:[0-9a-f]{2}){1,512}$/i.test(text))
    throw new UsageError('--expect-binding: hexadecimal digits, two for each byte')
  return Buffer.from(text, 'hex')
}

function digestOf(text: string, option: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new UsageError(`${option}: 64 hexadecimal digits`)
  return Buffer.from(text, 'hex')
}
