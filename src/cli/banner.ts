// What `start` tells a person: where the gateway is, what protects what, and how to try it.

import type {
  Protection,
  ProtectionReport,
  Protector,
  ServerProtection,
} from '../app/inspect/protection.ts'
import { columns, type Style } from './style.ts'
import { VERSION } from './version.ts'

export interface Banner {
  readonly url: string
  readonly adminUrl: string
  /** Whether the admin API is on. */
  readonly api: boolean
  /** Where the first admin token is, if it was made at this start and written to a file. */
  readonly tokenFile: string | undefined
  /** The file, or what stands in for it. */
  readonly config: string
  readonly tryIt: string
  readonly pid: number
  readonly report: ProtectionReport
}

export function bannerText(banner: Banner, style: Style): string {
  const { url, adminUrl, api, tokenFile, config, tryIt, pid, report } = banner
  const places = columns(
    [
      [style.faint('MCP'), style.strong(url)],
      [style.faint('health'), `${adminUrl}/readyz  ${adminUrl}/metrics`],
      ...(api ? [[style.faint('API'), `${adminUrl}/api/v1`]] : []),
      ...(tokenFile === undefined ? [] : [[style.faint('token'), tokenFile]]),
      [style.faint('config'), config],
    ],
    '  ',
  )
  const servers = report.servers.map((server, index) =>
    serverText(server, report.servers.slice(0, index), style),
  )
  const gateway = protectionRows(report.gateway, style)
  return [
    `${style.strong(`portcullis ${VERSION}`)}\n\n${places}`,
    ...(servers.length > 0 ? servers : [`  ${style.careful('no servers are configured')}\n`]),
    ...(gateway === '' ? [] : [`  ${style.strong('every request')}\n${gateway}`]),
    ...missing(report, style),
    ...(conditional(report)
      ? [`  ${style.faint('* under conditions; portcullis explain shows which')}\n`]
      : []),
    `  ${style.strong('try it')}\n    ${tryIt}\n`,
    `  ${style.faint(`Ctrl-C stops it, kill -HUP ${pid} reloads`)}\n`,
  ].join('\n')
}

function serverText(
  server: ServerProtection,
  before: readonly ServerProtection[],
  style: Style,
): string {
  const { name, state, reason, eras, points } = server
  const shown = state === 'ready' ? style.good(state) : style.bad(state)
  const how = [
    shown,
    ...(eras.length > 0 ? [eras.join(' and ')] : []),
    ...(reason ? [reason] : []),
  ].join(', ')
  const head = `  ${style.strong(name)}  ${how}\n`
  const same = before.find((other) => JSON.stringify(other.points) === JSON.stringify(points))
  const rows = protectionRows(points, style)
  if (rows === '') return `${head}    ${style.careful('nothing protects it')}\n`
  return same === undefined ? head + rows : `${head}    ${style.faint(`as ${same.name}`)}\n`
}

function protectionRows(points: Protection, style: Style): string {
  const rows = Object.entries(points).map(([point, protectors]) => [
    style.faint(point),
    protectors.map(protectorText).join('  '),
  ])
  return columns(rows, '    ')
}

// enforce is what people expect; anything else is said
function protectorText({ entry, mode, conditional }: Protector): string {
  return `${entry}${conditional ? '*' : ''}${mode === 'enforce' ? '' : ` (${mode})`}`
}

function missing({ notLoaded }: ProtectionReport, style: Style): string[] {
  if (notLoaded.length === 0) return []
  const rows = notLoaded.map(({ name, state, reason, breakGlass }) => [
    name,
    breakGlass ? style.bad('left out by --unsafe-without') : style.careful(state),
    reason ?? '',
  ])
  return [`  ${style.strong('not running')}\n${columns(rows, '    ')}`]
}

function conditional({ servers, gateway }: ProtectionReport): boolean {
  return [gateway, ...servers.map(({ points }) => points)]
    .flatMap((points) => Object.values(points))
    .flat()
    .some((protector) => protector.conditional)
}
