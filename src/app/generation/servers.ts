// The servers of one generation: those that run on, those that take another's place with what was decided about it, and new ones.
import type { Disposer } from '../../base/dispose.ts'
import { AppError } from '../../base/errors.ts'
import type { Upstream, UpstreamDeps } from '../../upstream/client.ts'
import { type ServerOptions, serverOptions } from '../../upstream/options.ts'
import { createUpstream } from '../../upstream/upstream.ts'
import type { Preparation } from '../attestation/room.ts'
import type { Watched } from '../attestation/watch.ts'
import type { GatewayConfig } from '../sections.ts'
import type { Admissions, AssembleDeps } from './assemble.ts'

/** A running server and the settings it was started with: equal settings keep it running over a reload. */
export interface OwnedServer {
  readonly upstream: Upstream
  readonly fingerprint: string
  /** What it was declared as, alone. */
  readonly declared: string
  /** By a point, when it was declared. */
  readonly vetoed: boolean
  /** What it is watched by; undefined: it may serve. */
  readonly watched: Watched | undefined
}

export interface Starting {
  readonly undo: Disposer
  readonly admissions: Admissions
  readonly preparation: Preparation | undefined
  readonly patience: number
}

export async function startServers(
  config: GatewayConfig,
  previous: ReadonlyMap<string, OwnedServer> | undefined,
  deps: Pick<AssembleDeps, 'upstream' | 'hasSessions' | 'attestation'>,
  { undo, admissions, preparation, patience }: Starting,
): Promise<Map<string, OwnedServer>> {
  const limits = {
    response: config.limits.response,
    depth: config.limits.depth,
    requestTimeout: config.limits.request_timeout,
  }
  const servers = new Map<string, OwnedServer>()
  const starting: Promise<void>[] = []
  for (const server of config.servers) {
    const options: ServerOptions = serverOptions(server)
    const quarantine = admissions.quarantined.get(options.name)
    const declared = JSON.stringify(options)
    const vetoed = quarantine !== undefined
    const fingerprint = JSON.stringify([options, limits, vetoed])
    const watched = vetoed ? undefined : preparation?.guard(server)
    const running = previous?.get(options.name)
    if (running?.fingerprint === fingerprint) {
      servers.set(options.name, { ...running, watched })
      // what a point says now, whatever was decided since it said it last
      if (vetoed) void running.upstream.admit('quarantined', quarantine)
      continue
    }
    const refused = quarantine ?? (watched && NOT_YET)
    const decided = refused === undefined ? decidedOf(running, declared) : vetoOf(refused)
    const upstream = createUpstream(options, { ...deps.upstream, limits, ...decided })
    undo.defer(() => {
      deps.attestation.drop(upstream)
      return upstream.close()
    })
    servers.set(options.name, { upstream, fingerprint, declared, vetoed, watched })
    // whoever may not serve is not run either
    if (watched && preparation) {
      const asked = deps.attestation.begin(upstream, watched, preparation)
      starting.push(asked.then(() => prepareFor(upstream, deps)))
    } else if (!vetoed) starting.push(begin(upstream, deps))
  }
  let cancel = () => {}
  await Promise.race([
    Promise.allSettled(starting),
    new Promise<void>((resolve) => {
      cancel = deps.upstream.clock.after(patience, resolve)
    }),
  ])
  cancel()
  assertRequired(servers)
  return servers
}

const NOT_YET = 'it has not been admitted yet'

type Decided = Pick<UpstreamDeps, 'admission' | 'admissionReason' | 'trust'>

const vetoOf = (reason: string): Decided => ({ admission: 'quarantined', admissionReason: reason })

/** What was decided about a server while it ran holds for what takes its place, unless it is declared anew and judged as that. */
function decidedOf(running: OwnedServer | undefined, declared: string): Decided {
  if (!running || running.vetoed || running.watched || running.declared !== declared) return {}
  const { admission, admissionReason, trust } = running.upstream
  return { admission, admissionReason, trust }
}

/** Clients of the legacy era that are there already will not open a session again. */
async function begin(upstream: Upstream, deps: Pick<AssembleDeps, 'hasSessions'>): Promise<void> {
  await upstream.start()
  await prepareFor(upstream, deps)
}

async function prepareFor(
  upstream: Upstream,
  { hasSessions }: Pick<AssembleDeps, 'hasSessions'>,
): Promise<void> {
  if (hasSessions()) await upstream.prepare('legacy')
}

function assertRequired(servers: ReadonlyMap<string, OwnedServer>): void {
  for (const { upstream } of servers.values()) {
    if (upstream.required && upstream.status.state !== 'ready') {
      throw new AppError(
        'UPSTREAM_UNAVAILABLE',
        `the server ${upstream.name} is required and did not start: ${upstream.refusal?.message ?? upstream.status.error ?? upstream.status.state}`,
      )
    }
  }
}
