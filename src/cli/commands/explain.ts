// `portcullis explain`: which entries would run for one request, why, and what they would do; nothing is sent anywhere.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Explanation } from '../../app/inspect/explain.ts'
import { messageOf } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Principal } from '../../engine/context.ts'
import type { StepTrace } from '../../engine/trace.ts'
import {
  type AddCommand,
  type ConfigOptions,
  type Invocation,
  jsonObject,
  loading,
  withConfig,
  withOutput,
} from '../command.ts'
import { EXIT, type Exit, UsageError } from '../exit.ts'
import type { Shell } from '../shell.ts'
import { columns, type Style } from '../style.ts'

interface ExplainOptions extends ConfigOptions {
  readonly point: string
  readonly server?: string
  readonly name?: string
  readonly arguments?: JsonObject
  readonly result?: JsonObject
  readonly payload?: JsonObject
  readonly as?: string
  readonly client?: string
  readonly era?: string
}

export const addExplain: AddCommand = (program, run) => {
  const command = program
    .command('explain')
    .description('show which entries would run for a request and what they would do; a dry run')
    .requiredOption(
      '--point <point>',
      'such as tool_pre_invoke; portcullis plugin points lists them',
    )
    .option('--server <name>', 'the server the request is for')
    .option('--name <name>', 'the tool, prompt or resource')
    .option('--arguments <json>', 'the arguments of the call', jsonObject)
    .option('--result <json>', 'what the server answered; for points after a call', jsonObject)
    .option(
      '--payload <json>',
      'members of the payload that the other options do not make',
      jsonObject,
    )
    .option('--as <file>', 'who asks: a JSON file or text with id, roles, scopes, tenant, claims')
    .option('--client <name>', 'the name of the client program')
    .option('--era <era>', 'legacy or modern', 'modern')
    .action(run(explainCommand))
  withConfig(withOutput(command))
}

async function explainCommand({
  shell,
  output,
  options,
}: Invocation<ExplainOptions>): Promise<Exit> {
  const { era } = options
  if (era !== 'legacy' && era !== 'modern') throw new UsageError('--era is legacy or modern')
  const principal = options.as === undefined ? undefined : await readPrincipal(options.as, shell)
  const { explain } = await import('../../app/inspect/explain.ts')
  const { inspectGateway } = await import('../../app/inspect/inspect.ts')
  const inspection = await inspectGateway(loading(options, shell))
  try {
    const { client, ...question } = options
    const explanation = await explain(inspection, {
      ...question,
      era,
      principal,
      client: client === undefined ? undefined : { name: client, version: '' },
    }).catch((error: unknown) => {
      throw error instanceof TypeError ? new UsageError(error.message) : error
    })
    output.result(explanation, () => explanationText(explanation, output.style))
    return EXIT.ok
  } finally {
    await inspection.close()
  }
}

async function readPrincipal(source: string, shell: Shell): Promise<Principal> {
  const text = source.trimStart().startsWith('{')
    ? source
    : await readFile(resolve(shell.cwd, source), 'utf8').catch((error: unknown) => {
        throw new UsageError(`--as ${source}: ${messageOf(error)}`)
      })
  const given = jsonObject(text)
  const { id = 'user', kind = 'user', roles = [], scopes = [], tenant, claims = {} } = given
  const isTexts = (value: unknown): value is readonly string[] =>
    Array.isArray(value) && value.every((item) => typeof item === 'string')
  const isKind = (value: unknown): value is Principal['kind'] =>
    value === 'user' || value === 'service' || value === 'anonymous' || value === 'system'
  if (typeof id !== 'string' || !isKind(kind))
    throw new UsageError('--as: id is a text; kind is user, service or anonymous')
  if (!isTexts(roles) || !isTexts(scopes))
    throw new UsageError('--as: roles and scopes are lists of texts')
  if ((tenant !== undefined && typeof tenant !== 'string') || !isObject(claims))
    throw new UsageError('--as: tenant is a text, claims an object')
  return { id, kind, roles, scopes, tenant, claims }
}

function explanationText(explanation: Explanation, style: Style): string {
  const { point, server, steps, missing, outcome } = explanation
  const rows = steps.map((step, index) => [
    style.faint(String(index + 1)),
    style.strong(step.entry),
    style.faint(`${step.plugin}, ${step.mode}`),
    verdictText(step, style),
  ])
  const absent = missing.map(({ entry, state, reason }) => [
    style.faint('-'),
    style.strong(entry),
    style.bad(`not running: ${state}`),
    reason ?? '',
  ])
  const where = server === undefined ? point : `${point} on ${server}`
  const list = columns([...rows, ...absent], '  ')
  return `${style.strong(where)}\n${list === '' ? '  no entry is bound to this point\n' : list}${outcomeText(explanation, outcome, style)}`
}

function verdictText(step: StepTrace, style: Style): string {
  const { verdict = 'pass', matched, effective, code, reason, changed, skipped, failedOpen } = step
  if (matched === false) return style.faint('does not match')
  const parts = [
    verdict === 'skipped' ? `skipped: ${skipped ?? ''}` : verdict,
    ...(code === undefined ? [] : [code]),
    ...(reason === undefined ? [] : [reason]),
    ...(changed === undefined ? [] : [`changes ${changed.join(', ')}`]),
    ...(effective === false ? ['recorded only'] : []),
    ...(failedOpen ? ['fails open'] : []),
  ]
  const text = parts.join(' - ')
  if (verdict === 'pass') return style.good(text)
  return verdict === 'deny' || verdict === 'fault' ? style.bad(text) : style.careful(text)
}

function outcomeText(
  { payload }: Explanation,
  outcome: Explanation['outcome'],
  style: Style,
): string {
  const { kind, entry, code, reason, after, answer } = outcome
  const json = (value: unknown): string => JSON.stringify(value, null, 2).replaceAll('\n', '\n  ')
  const by = entry === undefined ? '' : ` by ${entry}`
  switch (kind) {
    case 'pass':
      return after === undefined
        ? `${style.good('goes on unchanged')}\n`
        : `${style.good('goes on')} as\n  ${json(changedMembers(payload, after))}\n`
    case 'respond':
      return `${style.careful(`answered${by}`)}, the server is not asked\n  ${json(answer)}\n`
    case 'ask':
      return `${style.careful(`asked${by}`)}: ${reason}\n`
    case 'deny':
      return `${style.bad(`denied${by}`)}: ${code} - ${reason}\n`
    case 'fault':
      return `${style.bad(`fails${by}`)}: ${code} - ${reason}\n`
  }
}

function changedMembers(before: object, after: object): object {
  const old = before as Record<string, unknown>
  return Object.fromEntries(
    Object.entries(after).filter(([member, value]) => old[member] !== value),
  )
}
