// Client configurations (mcpServers, VS Code servers, the array form) to our `servers`; it starts no server and reads no file.
import { isObject, type Json } from '../../base/json.ts'
import { isSecretMember } from '../../base/log.ts'
import type { Path } from '../problem.ts'
import { splitCommand } from './command.ts'
import type { ImportReport } from './report.ts'
import { translateVariables, type Variables } from './variables.ts'

export interface ImportedServers {
  readonly servers: readonly Record<string, Json>[]
  readonly policies: readonly Record<string, Json>[]
}

interface Reading {
  readonly report: ImportReport
  readonly variables: Variables
  readonly names: Set<string>
  readonly servers: Record<string, Json>[]
  readonly policies: Record<string, Json>[]
}

/** `{ name: server }` as in `mcpServers` and VS Code's `servers`. */
export function importServerMap(
  map: unknown,
  path: Path,
  report: ImportReport,
  variables: Variables,
): ImportedServers {
  const reading = createReading(report, variables)
  if (!isObject(map)) report.fail(path, 'expected a mapping of servers by name')
  else
    for (const [name, server] of Object.entries(map))
      importServer(name, server, [...path, name], reading)
  return reading
}

/** `[{ name, command: "one line", url, digest }]`. */
export function importServerList(
  list: readonly unknown[],
  path: Path,
  report: ImportReport,
  variables: Variables,
): ImportedServers {
  const reading = createReading(report, variables)
  list.forEach((server, index) => {
    const at = [...path, index]
    const name = isObject(server) ? server.name : undefined
    if (typeof name !== 'string' || name === '') report.fail(at, 'the server has no name')
    else
      importServer(name, withoutName(server as Record<string, unknown>), at, reading, {
        oneLine: true,
      })
  })
  return reading
}

function createReading(report: ImportReport, variables: Variables): Reading {
  return { report, variables, names: new Set(), servers: [], policies: [] }
}

function withoutName({ name: _name, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest
}

function importServer(
  name: string,
  value: unknown,
  path: Path,
  reading: Reading,
  form: { oneLine?: boolean } = {},
): undefined {
  const { report } = reading
  if (!isObject(value))
    return report.fail(path, `the server ${JSON.stringify(name)} is not a mapping`)
  if (value.disabled === true || value.enabled === false)
    return report.warn(
      path,
      `the server ${JSON.stringify(name)} is switched off there and was left out`,
    )
  const server: Record<string, Json> = { name: uniqueName(name, path, reading) }
  const source =
    form.oneLine && typeof value.command === 'string' && value.args === undefined
      ? split(value, path, report)
      : value
  if (source === undefined) return
  for (const [key, inner] of Object.entries(source))
    importKey(server, key, inner, [...path, key], reading)
  if (server.command === undefined && server.url === undefined)
    return report.fail(path, `the server ${JSON.stringify(name)} has neither command nor url`)
  if (server.command !== undefined) delete server.transport
  reading.servers.push(server)
}

function split(
  value: Record<string, unknown>,
  path: Path,
  report: ImportReport,
): Record<string, unknown> | undefined {
  const result = splitCommand(String(value.command))
  if ('refused' in result) {
    report.fail(
      [...path, 'command'],
      `the command cannot be split without a shell: ${result.refused}`,
    )
    return undefined
  }
  const [command, ...args] = result.words
  return { ...value, command, ...(args.length > 0 ? { args } : {}) }
}

// names our servers may have are a subset of what clients accept
function uniqueName(name: string, path: Path, reading: Reading): string {
  const plain =
    name
      .replace(/[^A-Za-z0-9_-]+/g, '-')
      .replace(/_{2,}/g, '_')
      .replace(/^-+|-+$/g, '')
      .slice(0, 64) || 'server'
  let unique = plain
  for (let count = 2; reading.names.has(unique); count++) unique = `${plain.slice(0, 60)}-${count}`
  reading.names.add(unique)
  if (unique !== name)
    reading.report.warn(
      path,
      `the server ${JSON.stringify(name)} is called ${JSON.stringify(unique)} here`,
    )
  return unique
}

const TRANSPORTS: Readonly<Record<string, string>> = {
  http: 'streamable-http',
  'streamable-http': 'streamable-http',
  streamable_http: 'streamable-http',
  streamablehttp: 'streamable-http',
  sse: 'sse',
  ws: 'websocket',
  websocket: 'websocket',
}
/** Spellings of other clients for the keys we have. */
const KEYS: Readonly<Record<string, string>> = {
  httpUrl: 'url',
  serverUrl: 'url',
  baseUrl: 'url',
  type: 'transport',
  transportType: 'transport',
  requestInit: 'headers',
  disabledTools: 'disabledTools',
  excludeTools: 'disabledTools',
}
const SILENT = new Set(['disabled', 'enabled', 'description', '$schema'])

function importKey(
  server: Record<string, Json>,
  key: string,
  value: unknown,
  path: Path,
  reading: Reading,
): undefined {
  const { report } = reading
  const translate = (text: string): string =>
    translateVariables(text, path, report, reading.variables)
  switch (KEYS[key] ?? key) {
    case 'command':
    case 'cwd':
    case 'url':
    case 'digest':
      if (typeof value !== 'string') return report.fail(path, `${key}: expected text`)
      server[KEYS[key] ?? key] = translate(value)
      if (key === 'digest')
        report.warn(
          path,
          'pinning by digest is not built yet; the gateway refuses to start until the line is removed',
        )
      return
    case 'args':
      if (!Array.isArray(value)) return report.fail(path, 'args: expected a list')
      server.args = value.map((item) => translate(String(item)))
      return
    case 'env':
    case 'headers':
      return importTexts(server, KEYS[key] ?? key, value, path, reading)
    case 'transport':
      return importTransport(server, value, path, report)
    case 'disabledTools':
      return importDisabledTools(server, value, path, reading)
    default:
      if (!SILENT.has(key)) report.warn(path, `${key} has no counterpart and was left out`)
  }
}

function importTransport(
  server: Record<string, Json>,
  value: unknown,
  path: Path,
  report: ImportReport,
): undefined {
  if (value === 'stdio') return
  const transport = TRANSPORTS[String(value).toLowerCase()]
  if (transport === undefined)
    return report.fail(path, `unknown transport ${JSON.stringify(value)}`)
  server.transport = transport
}

function importTexts(
  server: Record<string, Json>,
  key: string,
  value: unknown,
  path: Path,
  reading: Reading,
): undefined {
  const source =
    key === 'headers' && isObject(value) && isObject(value.headers) ? value.headers : value
  if (!isObject(source)) return reading.report.fail(path, `${key}: expected a mapping`)
  const texts: Record<string, Json> = {}
  for (const [name, inner] of Object.entries(source)) {
    const text = translateVariables(
      String(inner ?? ''),
      [...path, name],
      reading.report,
      reading.variables,
    )
    texts[name] = text
    if (isLiteralSecret(name, text))
      reading.report.warn(
        [...path, name],
        `${name} looks like a secret that is written out; replace it by \${env:NAME} or \${file:path}`,
      )
  }
  server[key] = texts
}

function isLiteralSecret(name: string, text: string): boolean {
  if (text === '' || text.includes('${')) return false
  return isSecretMember(name) || /(key|token|secret|password|passwd|credential)s?$/i.test(name)
}

// a list of forbidden tools is a guard: it becomes one, instead of getting lost
function importDisabledTools(
  server: Record<string, Json>,
  value: unknown,
  path: Path,
  reading: Reading,
): undefined {
  if (!Array.isArray(value) || value.length === 0) return
  const name = String(server.name)
  reading.policies.push({
    name: `${name}-disabled-tools`,
    on: ['tool_pre_invoke'],
    conditions: [{ servers: [name], tools: value.map(String) }],
    // biome-ignore lint/suspicious/noThenProperty: the word of the contract; the value is never awaited
    then: 'deny',
    code: 'TOOL_DISABLED',
    reason: 'the tool is disabled',
  })
  reading.report.warn(path, `${path.at(-1)} became the policy ${name}-disabled-tools`)
}
