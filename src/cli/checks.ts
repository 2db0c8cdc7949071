// The single checks of `doctor`: each looks at one thing and says what it found. None changes anything.
import { accessSync, constants, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import type { Inspection } from '../app/inspect/inspect.ts'
import { messageOf } from '../base/errors.ts'
import { redactText } from '../base/log.ts'
import { formatPlace } from '../config/problem.ts'

export interface Finding {
  readonly check: string
  readonly state: 'fine' | 'doubtful' | 'wrong'
  /** What was found. */
  readonly says: string
  /** What to do about it. */
  readonly next?: string
}

const ANSWER_DEADLINE = 5_000

/** The ranges of `engines`; on 24 there is no --allow-net, so plugins that need the network cannot be isolated. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const check = 'node'
  if (major >= 26) return { check, state: 'fine', says: version }
  if (major === 24 && minor >= 15)
    return {
      check,
      state: 'doubtful',
      says: `${version}: isolated plugins have no network`,
      next: 'use 26 or later',
    }
  return { check, state: 'wrong', says: version, next: 'use 24.15 or 26 and later' }
}

type Inspected = Pick<Inspection, 'loaded' | 'entries' | 'warnings'>

/** The configuration has been loaded already: what is left are warnings, file modes and entries that do not run. */
export async function checkConfig({ loaded, entries, warnings }: Inspected): Promise<Finding[]> {
  const check = 'configuration'
  const found: Finding[] = warnings.map((warning) => ({
    check,
    state: 'doubtful',
    says: `${formatPlace(warning)}: ${warning.message}`,
  }))
  for (const file of loaded.files) found.push(...(await checkMode(file)))
  for (const { name, state, reason = '' } of entries)
    if (state !== 'loaded' && state !== 'disabled')
      found.push({ check: 'plugins', state: 'wrong', says: `${name} is ${state}: ${reason}` })
  if (loaded.config.servers.length > 0 && entries.every(({ state }) => state !== 'loaded'))
    found.push({
      check: 'plugins',
      state: 'doubtful',
      says: 'no entry and no policy runs: nothing is protected',
    })
  return [{ check, state: 'fine', says: loaded.file }, ...found]
}

async function checkMode(file: string): Promise<Finding[]> {
  const { mode } = await stat(file)
  if (process.platform === 'win32' || (mode & 0o022) === 0) return []
  const says = `${file} can be written by others (${(mode & 0o777).toString(8)})`
  return [{ check: 'file mode', state: 'doubtful', says, next: `chmod go-w ${file}` }]
}

/** Whether the port could be listened on now; takes and releases it. */
export async function checkPort(
  check: string,
  { host, port }: { host: string; port: number },
): Promise<Finding> {
  const server = createServer()
  const says = `${host}:${port}`
  try {
    await new Promise<void>((done, failed) => {
      server.once('error', failed)
      server.listen({ host, port, exclusive: true }, done)
    })
    return { check, state: 'fine', says: port === 0 ? `${host}, a free port` : `${says} is free` }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      return {
        check,
        state: 'doubtful',
        says: `${says} is in use`,
        next: 'is the gateway running already?',
      }
    return {
      check,
      state: 'wrong',
      says: `${says}: ${messageOf(error)}`,
      next: 'choose another host or port',
    }
  } finally {
    server.close()
  }
}

type ServerConfig = Inspection['loaded']['config']['servers'][number]

export async function checkServer(
  { name, command, cwd, env, url, headers }: ServerConfig,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Finding> {
  const check = `server ${name}`
  if (command !== undefined) {
    const path = env?.PATH ?? environment.PATH ?? ''
    const found = findCommand(command, { path, cwd: cwd ?? process.cwd() })
    return found === undefined
      ? {
          check,
          state: 'wrong',
          says: `${command} is not on the PATH`,
          next: 'install it or give its full path',
        }
      : { check, state: 'fine', says: found }
  }
  return checkUrl(check, url ?? '', headers ?? {})
}

/** Where a command without a shell would be found: a path from `cwd`, a name on the PATH. */
export function findCommand(
  command: string,
  { path, cwd }: { path: string; cwd: string },
): string | undefined {
  const candidates = command.includes('/')
    ? [isAbsolute(command) ? command : resolve(cwd, command)]
    : path.split(delimiter).map((folder) => join(folder, command))
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return statSync(file).isFile()
    } catch {
      return false
    }
  })
}

/** Any answer at all shows that something listens; whether it is an MCP server the start finds out. */
async function checkUrl(
  check: string,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<Finding> {
  const shown = redactText(url)
  try {
    const answer = await fetch(url, {
      headers: { ...headers, accept: 'text/event-stream' },
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_DEADLINE),
    })
    await answer.body?.cancel()
    const { status } = answer
    if (status === 401 || status === 403)
      return {
        check,
        state: 'wrong',
        says: `${shown} answers ${status}`,
        next: 'check the headers of the server',
      }
    return { check, state: 'fine', says: `${shown} answers` }
  } catch (error) {
    const why = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error)
    return {
      check,
      state: 'wrong',
      says: `${shown} does not answer: ${redactText(why)}`,
      next: 'check the url and the network',
    }
  }
}
