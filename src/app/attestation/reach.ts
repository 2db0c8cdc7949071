// How the attestation room reaches servers: fresh connections of the upstream room, and digests of the files that a command is made of.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, realpath, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import type { PackageMeasurement } from '../../attest/policy/package.ts'
import type {
  AttestConnection,
  AttestedServer,
  ConnectHow,
  Reaching,
} from '../../attest/service/server.ts'
import type { Clock } from '../../base/clock.ts'
import { connectForAttestation } from '../../upstream/attest/connection.ts'
import { probeWithoutClientCertificate } from '../../upstream/attest/probe.ts'
import type { TlsOptions } from '../../upstream/client.ts'

export interface ReachDeps {
  readonly clock: Clock
  /** Milliseconds for one connection and all that is done on it. */
  readonly timeout: number
  /** What connections of a server are opened with under the anchors of its policy. */
  readonly tls: (how: Pick<ConnectHow, 'anchors' | 'minVersion' | 'isSvid'>) => TlsOptions
  /** Where programs are looked for. */
  readonly path: string | undefined
}

export function createReach({ clock, timeout, tls, path }: ReachDeps): Reaching {
  return {
    async connect(server, how) {
      const { url = '' } = server
      const options = { clock, timeout, signal: how.signal, tls: tls(how) }
      const refusesAnonymous = how.probeAnonymous ? await probe(url, options) : undefined
      const connection = await connectForAttestation(url, options)
      const { protocol, chain, ocspStaple: ocsp, authorized, authorizationError } = connection
      return {
        protocol,
        chain,
        ocsp,
        authorized,
        authorizationError,
        refusesAnonymous,
        exporter: (label, context) => connection.exporter(label, context, 32),
        async post(path, body, limit, signal) {
          const headers = { 'content-type': 'application/json', accept: 'application/json' }
          return connection.request({ method: 'POST', path, headers, body }, { limit, signal })
        },
        close: () => connection.close(),
      } satisfies AttestConnection
    },
    measure: (server) => measure(server, path),
  }
}

async function probe(url: string, options: Parameters<typeof probeWithoutClientCertificate>[1]) {
  const answer = await probeWithoutClientCertificate(url, options)
  return answer === 'unknown' ? undefined : answer === 'refused'
}

/** Files larger than that are no programs. */
const LARGEST_FILE = 512 * 1024 ** 2
const MOST_FILES = 32

/**
 * The program as it is found for starting, with links followed, and every argument that names a file there. What the program
 * loads by itself is not measured.
 */
async function measure(
  { command = [], cwd }: AttestedServer,
  path: string | undefined,
): Promise<PackageMeasurement> {
  const [program, ...args] = command
  if (program === undefined) return { unmeasured: 'it has no command', files: [] }
  const base = resolve(cwd ?? '.')
  const file = await programFile(program, base, path)
  if (file === undefined) return { unmeasured: 'there is no such program', files: [] }
  try {
    const files: { argument: number; digest: string }[] = []
    for (const [argument, text] of args.entries()) {
      const found = await fileOf(resolve(base, text))
      if (found === undefined) continue
      if (files.length === MOST_FILES)
        return { unmeasured: 'too many arguments are files', files: [] }
      files.push({ argument: argument + 1, digest: await digestOf(found) })
    }
    return { command: await digestOf(file), files }
  } catch {
    return { unmeasured: 'a file cannot be read', files: [] }
  }
}

/** As execvp looks for it: a name with a slash is a path, any other is looked for on the PATH. */
async function programFile(
  program: string,
  base: string,
  path: string | undefined,
): Promise<string | undefined> {
  if (isAbsolute(program) || program.includes('/')) return fileOf(resolve(base, program))
  for (const folder of (path ?? '').split(delimiter).filter(Boolean)) {
    const file = join(folder, program)
    if (await isExecutable(file)) return fileOf(file)
  }
  return undefined
}

async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}

async function fileOf(path: string): Promise<string | undefined> {
  try {
    const real = await realpath(path)
    const { size, isFile } = await stat(real).then((found) => ({
      size: found.size,
      isFile: found.isFile(),
    }))
    return isFile && size <= LARGEST_FILE ? real : undefined
  } catch {
    return undefined
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
  return `sha256:${hash.digest('hex')}`
}
