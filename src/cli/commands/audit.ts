// `portcullis audit`: whether kept records are what was written, getting records out, and a pair of keys to sign them with. Asking a gateway is next door.
import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { AuditPlace, AuditSource } from '../../app/report/audit-source.ts'
import type { AuditQuery } from '../../audit/reader.ts'
import type { Verdict } from '../../audit/verify.ts'
import { messageOf } from '../../base/errors.ts'
import { withApi } from '../api/options.ts'
import { type AddCommand, type Invocation, withOutput } from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import { writeNew } from '../files.ts'
import type { Shell } from '../shell.ts'
import { verdictText } from '../verdict.ts'
import { exportAudit, type FilterOptions, limitOf, searchAudit } from './audit-search.ts'

interface PlaceOptions {
  readonly file?: string
  readonly store?: string
}

interface VerifyOptions extends PlaceOptions {
  readonly key: readonly string[]
}

type ExportOptions = PlaceOptions & FilterOptions

export const addAudit: AddCommand = (program, run) => {
  const audit = program.command('audit').description('prove, read and sign what the audit has kept')
  const verifying = audit
    .command('verify')
    .description('find any record that was edited, removed, added or moved')
  withPlace(withOutput(verifying))
    .option(
      '--key <file>',
      'public key in PEM that the records must be signed with; repeatable',
      (file: string, files: readonly string[]) => [...files, file],
      [] as readonly string[],
    )
    .action(run(verify))
  const searching = audit
    .command('search')
    .description('ask a running gateway for records, the youngest first')
    .action(run(searchAudit))
  // a gateway shows whoever belongs to a tenant what is of that tenant, and nothing else
  const asked = FILTERS.filter(([flag]) => !flag.startsWith('tenant '))
  withApi(withFilters(searching, asked).option('--limit <number>', 'most records; 50', limitOf))
  const exporting = audit
    .command('export')
    .description(
      'write records as JSON lines, the oldest first: those of a running gateway, or of a file or store',
    )
    .action(run(exportRecords))
  withApi(
    withFilters(withPlace(exporting), FILTERS).option(
      '--limit <number>',
      'most records of a running gateway; 100000',
      limitOf,
    ),
  )
  withOutput(audit.command('keygen <file>'))
    .description('write a new private key to the file and its public key beside it, as <file>.pub')
    .action(run(keygen))
}

function withPlace(command: Command): Command {
  return command
    .option('--file <file>', 'a file of records, with those that were set aside beside it')
    .option('--store <url>', 'a store, such as sqlite:./data/portcullis.db')
}

function withFilters(command: Command, filters: readonly (readonly [string, string])[]): Command {
  command
    .option('--from <time>', 'not before this, such as 2026-11-28T00:00:00Z')
    .option('--to <time>', 'before this')
  for (const [flag, description] of filters) command.option(`--${flag}`, description)
  return command
}

const FILTERS = [
  ['kind <kind>', 'such as refusal'],
  ['principal <id>', 'who asked'],
  ['tenant <name>', 'of who asked'],
  ['server <name>', 'where'],
  ['target <name>', "the server's own name of the tool or prompt, or the URI"],
  ['point <name>', 'such as tool_pre_invoke'],
  ['entry <name>', 'the entry or policy that decided'],
  ['code <code>', 'of a refusal or fault'],
  ['outcome <outcome>', 'such as ok or denied'],
  ['request-id <id>', 'all of one request'],
] as const

async function verify({ shell, output, options }: Invocation<VerifyOptions>): Promise<Exit> {
  const place = placeOf(options, shell)
  const keys = await Promise.all(options.key.map((file) => publicKey(resolve(shell.cwd, file))))
  const { verifyChains } = await import('../../audit/verify.ts')
  const source = await open(place)
  let verdict: Verdict
  try {
    verdict = await verifyChains(() => source.evidence(), keys)
  } finally {
    await source.close()
  }
  output.result(verdict, () => verdictText(verdict, keys.length > 0, output.style))
  return verdict.whole ? EXIT.ok : EXIT.fault
}

async function exportRecords(invocation: Invocation<ExportOptions>): Promise<Exit> {
  const { shell, options } = invocation
  if (options.file === undefined && options.store === undefined) return exportAudit(invocation)
  if (options.admin !== undefined || options.limit !== undefined)
    throw new UsageError('--admin and --limit ask a running gateway, --file and --store do not')
  const place = placeOf(options, shell)
  const { from, to, ...filters } = options
  const query: AuditQuery = { ...filters, from: timeOf(from), to: timeOf(to) }
  const source = await open(place)
  try {
    for await (const record of source.records(query))
      shell.stdout.write(`${JSON.stringify(record)}\n`)
  } finally {
    await source.close()
  }
  return EXIT.ok
}

async function keygen({ shell, output }: Invocation<object>, file: string): Promise<Exit> {
  const { generateKeyPairSync } = await import('node:crypto')
  const { keyId } = await import('../../base/chain.ts')
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const [priv, pub] = [resolve(shell.cwd, file), resolve(shell.cwd, `${file}.pub`)]
  await writeNew(priv, String(privateKey.export({ type: 'pkcs8', format: 'pem' })))
  await writeNew(pub, String(publicKey.export({ type: 'spki', format: 'pem' })))
  const key = keyId(publicKey)
  output.result({ key, private: priv, public: pub }, () =>
    [
      `key ${key}`,
      `  ${file}      signs: name it in audit.sign.key_file, and keep it from everybody else`,
      `  ${file}.pub  proves: keep a copy where who runs the gateway cannot write`,
      '',
    ].join('\n'),
  )
  return EXIT.ok
}

async function open(place: AuditPlace): Promise<AuditSource> {
  const { openAuditSource } = await import('../../app/report/audit-source.ts')
  return openAuditSource(place)
}

const SQLITE = 'sqlite:'

function placeOf({ file, store }: PlaceOptions, { cwd }: Shell): AuditPlace {
  if ((file === undefined) === (store === undefined))
    throw new UsageError('name where the records are: --file or --store')
  if (file !== undefined) return { file: resolve(cwd, file) }
  if (store !== undefined && /^postgres(?:ql)?:\/\//.test(store)) return { postgres: store }
  if (!store?.startsWith(SQLITE) || store.length === SQLITE.length)
    throw new UsageError('--store: it is sqlite: and a path, or a postgres:// URL')
  return { sqlite: resolve(cwd, store.slice(SQLITE.length)) }
}

async function publicKey(file: string): Promise<KeyObject> {
  const { readPublicKey } = await import('../../base/chain.ts')
  try {
    return readPublicKey(await readFile(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`--key: ${file}: ${messageOf(error)}`)
  }
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = Date.parse(text)
  if (Number.isNaN(time)) throw new UsageError(`${text} is no time, such as 2026-11-28T00:00:00Z`)
  return time
}
