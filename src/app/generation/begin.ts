// The first generation of a gateway: rooms, the control plane where there is one, what is declared judged, and then all of it in force.
import type { Clock } from '../../base/clock.ts'
import type { Disposer } from '../../base/dispose.ts'
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { LoadedConfig, Loader } from '../../config/load.ts'
import type { Generation } from '../../engine/engine.ts'
import type { Authenticator } from '../../identity/access.ts'
import type { Points } from '../../points/table.ts'
import type { RegistryDeps } from '../../registry/parts.ts'
import type { Admitting } from '../control/admission.ts'
import type { Control } from '../control/control.ts'
import type { GatewayOptions } from '../gateway.ts'
import type { Stdout } from '../report/sinks.ts'
import { loginReceiver, tellWrite } from '../report/told.ts'
import { type Current, createRooms, type Rooms, runningOf } from '../rooms.ts'
import type { GatewayConfig } from '../sections.ts'
import type { Admissions } from './assemble.ts'

export interface BeginDeps {
  readonly options: GatewayOptions
  readonly loader: Loader<GatewayConfig>
  readonly loaded: LoadedConfig<GatewayConfig>
  readonly clock: Clock
  readonly log: Logger
  readonly current: Current
  readonly owned: Disposer
  readonly stdout: Stdout
  /** The store holds something that is to be in force. */
  readonly changed: () => void
}

export interface Begun {
  readonly rooms: Rooms
  /** Undefined: nothing changes but by the configuration, and there is no store. */
  readonly control: Control | undefined
  /** Who asks the admin API and what they may; there where `control` is. */
  readonly access: ApiAccess | undefined
}

export interface ApiAccess {
  readonly authenticator: Authenticator
  readonly authorize: RegistryDeps['authorize']
}

export async function begin(deps: BeginDeps): Promise<Begun> {
  const { loaded, current } = deps
  const rooms = await createRooms({ ...deps, config: loaded.config })
  const opened = loaded.config.admin.api ? await controlOf(deps, rooms) : undefined
  const { control, access } = opened ?? { control: undefined, access: undefined }
  if (control) {
    rooms.catalogue.keepIn(control.catalogue)
    rooms.attestation.keepIn(control.store)
  }
  const made = control?.effective(loaded)
  let admitting: Admitting | undefined
  try {
    current.assembly = await rooms.build(made?.loaded ?? loaded, undefined, {
      override: control?.override(made?.loaded ?? loaded),
      entities: control?.identity,
      async admit(generation) {
        admitting = await admit(undefined, loaded, undefined, generation)
        return admitting.admissions
      },
    })
  } catch (error) {
    admitting?.tell(false)
    throw error
  }
  current.origin = { base: loaded, admissions: admitting?.admissions ?? NOTHING.admissions }
  rooms.attestation.inForce(current.assembly)
  control?.settled(made)
  admitting?.tell(true)
  rooms.inForce()
  await control?.catalogue.keepOnly(new Set(current.assembly.servers.keys())).catch((error) => {
    const fields = { error: messageOf(error) }
    deps.log.warn(fields, 'what was known of servers that are gone could not be forgotten')
  })
  return { rooms, control, access }
}

export const NOTHING: Admitting = {
  admissions: { quarantined: new Map(), rewritten: new Map() },
  tell() {},
}

const POINTS_OF_ENTITIES =
  /^(?:server|auth)_(?:pre|post)_(?:register|update|unregister|create|delete)$/

/** Loads what it takes only where somebody has a say. */
export async function admit(
  before: LoadedConfig<GatewayConfig> | undefined,
  after: LoadedConfig<GatewayConfig>,
  last: Admissions | undefined,
  generation: Generation<Points>,
): Promise<Admitting> {
  if (![...generation.points].some((point) => POINTS_OF_ENTITIES.test(point))) return NOTHING
  const { admitDeclared } = await import('../control/admission.ts')
  return admitDeclared(before, after, last ?? NOTHING.admissions, generation)
}

async function controlOf(
  deps: BeginDeps,
  rooms: Rooms,
): Promise<{ readonly control: Control; readonly access: ApiAccess }> {
  const { options, loaded, current, owned } = deps
  const { openControl, createApiAuthorizer, createApiDoor, createDecide, createExceeds } =
    await import('../control/open.ts')
  const running = () => runningOf(current)
  const parts = {
    current: running,
    hosted: options.identity !== undefined,
    entities: () => control.identity,
    anyOf: rooms.anyOf,
  }
  const authorizer = createApiAuthorizer(parts)
  const decide = createDecide(running, authorizer, rooms.room.report)
  const control: Control = await openControl({
    ...deps,
    config: loaded.config,
    audit: rooms.audit,
    told: (event) => tellWrite(rooms.audit, rooms.digests, event),
    store: options.store,
    authorizer,
    decide,
    exceeds: createExceeds(parts, authorizer),
    current: () => current.assembly,
    base: () => current.origin?.base ?? loaded,
    probe: rooms.probe,
    known: rooms.catalogue,
  })
  owned.defer(() => control.close())
  const { clock, log } = deps
  const logins = loginReceiver(rooms.audit)
  const authenticator = createApiDoor({ ...parts, clock, log, logins })
  return { control, access: { authenticator, authorize: decide.authorize } }
}
