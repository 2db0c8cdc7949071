// From the name or URI a client used to exactly one thing of exactly one server.
import { AppError } from '../../base/errors.ts'
import { PATIENCE_MS } from '../catalog/catalog.ts'
import type { ListKind } from '../catalog/listing.ts'
import type { Merged } from '../catalog/merge.ts'
import type { OwnName } from '../catalog/names.ts'
import { abnormality } from '../catalog/uri-form.ts'
import { unprefixed } from '../catalog/uris.ts'
import type { Call } from '../exchange.ts'
import type { Target } from './operations.ts'

/** At once where the catalogue is fresh. Throws, or rejects with, WIRE_INVALID_PARAMS or WIRE_UNKNOWN_TARGET. */
export function findTarget(
  call: Call,
  kind: ListKind,
  member: 'name' | 'uri',
): Target | Promise<Target> {
  const exposed = call.message.params?.[member]
  if (typeof exposed !== 'string')
    throw new AppError('WIRE_INVALID_PARAMS', `params.${member} is not a string`)
  assertOfEra(call)
  return locate(call, kind, exposed)
}

/** The same for a name or URI that stands elsewhere. */
export function locate(call: Call, kind: ListKind, exposed: string): Target | Promise<Target> {
  const found = kind === 'resources' ? findResource(call, exposed) : findNamed(call, kind, exposed)
  return found instanceof Promise
    ? found.then((late) => targetOf(call, kind, exposed, late))
    : targetOf(call, kind, exposed, found)
}

const MODERN_ONLY = ['inputResponses', 'requestState'] as const

/** Throws WIRE_INVALID_PARAMS: a legacy client sends what a modern server would take for answers that have passed their points. */
export function assertOfEra({ exchange, message }: Call): void {
  if (exchange.identity.era === 'modern') return
  for (const modern of MODERN_ONLY)
    if (message.params?.[modern] !== undefined)
      throw new AppError('WIRE_INVALID_PARAMS', `params.${modern} is unknown in this era`)
}

export function targetOf(
  call: Call,
  kind: ListKind,
  exposed: string,
  found: Found | undefined,
): Target {
  const upstream = found && call.exchange.runtime.upstreams.get(found.own.server)
  if (!found || !upstream) throw unknown(kind, exposed)
  // its lists are hidden, but a name or URI may be known from before; no policy need look at what cannot be called
  const { refusal } = upstream
  if (refusal) throw refusal
  const { own, definition, params } = found
  return { upstream, own, exposed, definition, params }
}

// the URI is repeated so that a client can tell which one is missing (server/resources#error-handling)
function unknown(kind: ListKind, exposed: string): AppError {
  return new AppError(
    'WIRE_UNKNOWN_TARGET',
    `there is no such ${kind.slice(0, -1)} here; list again and use what is listed`,
    kind === 'resources' ? { data: { uri: exposed } } : {},
  )
}

interface Found extends Pick<Target, 'own' | 'definition' | 'params'> {}

function findNamed(
  call: Call,
  kind: ListKind,
  exposed: string,
): Found | undefined | Promise<Found | undefined> {
  const catalog = catalogOf(call)
  if (!catalog.shows(kind, exposed)) return undefined
  const merged = catalog.current(kind)
  return merged ? namedIn(call, merged, exposed) : lookUp(call, kind, exposed)
}

// it may be of a server that is quick, whose callers do not wait for the others; or of the slow one, whose callers do
async function lookUp(call: Call, kind: ListKind, exposed: string): Promise<Found | undefined> {
  const catalog = catalogOf(call)
  const found = namedIn(call, await catalog.list(kind, PATIENCE_MS), exposed)
  return found ?? namedIn(call, await catalog.list(kind), exposed)
}

function namedIn(call: Call, { naming, missing }: Merged, exposed: string): Found | undefined {
  const item = naming.byExposed.get(exposed)
  if (item) return { own: item, definition: item.definition, params: item.params }
  // a server that is down has not lost its tools: the client should try again, not forget them
  const down = missing.find((server) => exposed.startsWith(server))
  if (down)
    throw (
      call.exchange.runtime.upstreams.get(down)?.refusal ??
      new AppError('UPSTREAM_UNAVAILABLE', `the server ${down} is not available`)
    )
  return undefined
}

async function findResource(call: Call, exposed: string): Promise<Found | undefined> {
  const catalog = catalogOf(call)
  if (!catalog.shows('resources', exposed)) return undefined
  const listed =
    (await catalog.list('resources', PATIENCE_MS)).uris.owner(exposed) ??
    (await catalog.list('resources')).uris.owner(exposed)
  if (listed) return { own: listed, definition: listed.definition, params: undefined }
  const fitting = (await catalog.list('templates')).uris.byTemplate(exposed)
  if (fitting.length > 1) throw ambiguous(exposed, fitting)
  const own = fitting[0] ?? unprefixed(exposed) ?? onlyServer(call, exposed)
  if (!own) return undefined
  for (const uri of [exposed, own.name]) {
    const wrong = abnormality(uri)
    if (wrong !== undefined)
      throw new AppError('WIRE_INVALID_PARAMS', `params.uri is not in normal form: ${wrong}`, {
        data: { uri: exposed },
      })
  }
  if (!(await catalog.reaches('resources', own, fitting.length > 0))) return undefined
  return { own, definition: undefined, params: undefined }
}

// a greedy template of one server must not take what belongs to another
function ambiguous(uri: string, owners: readonly OwnName[]): AppError {
  const names = owners.map(({ server }) => `portcullis://${server}/...`).join(' or ')
  return new AppError(
    'WIRE_UNKNOWN_TARGET',
    `several servers have templates for this URI; say ${names}`,
    { data: { uri } },
  )
}

/** A URI that is listed nowhere can only be known to the one server that has resources at all; one that is down may be it. */
function onlyServer({ exchange }: Call, uri: string): OwnName | undefined {
  const { runtime, identity } = exchange
  const upstreams = [...runtime.upstreams.values()]
  const able = upstreams.filter(
    (upstream) => upstream.nearest(identity.era)?.capabilities.resources,
  )
  const [only] = able
  if (able.length !== 1 || !only) return undefined
  const down = upstreams.find((upstream) => upstream.status.state !== 'ready')
  if (down)
    throw (
      down.refusal ??
      new AppError(
        'UPSTREAM_UNAVAILABLE',
        `the server ${down.name} is not available, and the URI may be its own`,
      )
    )
  return { server: only.name, name: uri }
}

function catalogOf(call: Call) {
  return call.exchange.runtime.catalogs[call.exchange.identity.era]
}
