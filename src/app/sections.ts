// The configuration file as a whole: which room puts which section into it, and the checks that span them.
import { ADMIN_SCHEMA, type AdminOptions } from '../admin/options.ts'
import { ATTESTATION_CHECK, ATTESTED_SERVERS_CHECK } from '../attest/option-checks.ts'
import { ATTESTATION_SCHEMA, type AttestationOptions } from '../attest/options.ts'
import { AUDIT_CHECK, AUDIT_SCHEMA, type AuditOptions } from '../audit/options.ts'
import { createLoader, type Loader } from '../config/load.ts'
import { NETWORK_SCHEMA, type NetworkOptions } from '../egress/options.ts'
import { compileAnyOf } from '../expression/pattern.ts'
import {
  CACHE_SCHEMA,
  LIMITS_SCHEMA,
  LISTEN_SCHEMA,
  type LimitsOptions,
  type ListenOptions,
  NAMESPACING_SCHEMA,
  type NamespacingOptions,
  STATE_SCHEMA,
} from '../gateway/options.ts'
import {
  PATHS_CHECK,
  VIRTUAL_SERVERS_SCHEMA,
  type VirtualServerOptions,
} from '../gateway/virtual/options.ts'
import { createLimitChecks, createPluginChecks } from '../host/option-checks.ts'
import {
  PLUGINS_SCHEMA,
  type PluginsOptions,
  POLICIES_SCHEMA,
  type Policy,
} from '../host/options.ts'
import { createIdentityCheck, EXPOSURE_CHECK } from '../identity/option-checks.ts'
import { IDENTITY_SCHEMA, type IdentityOptions } from '../identity/options.ts'
import { REGISTRY_SCHEMA, type RegistryOptions } from '../registry/options.ts'
import { STORE_SCHEMA, type StoreOptions } from '../store/options.ts'
import { TELEMETRY_SCHEMA, type TelemetryOptions } from '../telemetry/options.ts'
import { SERVERS_CHECK } from '../upstream/option-checks.ts'
import { SERVERS_SCHEMA, type ServerConfig } from '../upstream/options.ts'

export interface GatewayConfig {
  readonly version: 1
  readonly listen: ListenOptions
  readonly admin: AdminOptions
  readonly limits: LimitsOptions
  readonly servers: readonly ServerConfig[]
  readonly network: NetworkOptions
  readonly namespacing: NamespacingOptions
  readonly virtual_servers: readonly VirtualServerOptions[]
  readonly plugins: PluginsOptions
  readonly policies: readonly Policy[]
  readonly identity: IdentityOptions
  readonly registry: RegistryOptions
  readonly store: StoreOptions
  readonly audit: AuditOptions
  readonly telemetry: TelemetryOptions
  /** Absent: no server is attested. */
  readonly attestation?: AttestationOptions
}

export const SECTIONS = {
  listen: LISTEN_SCHEMA,
  admin: ADMIN_SCHEMA,
  limits: LIMITS_SCHEMA,
  servers: { ...SERVERS_SCHEMA, default: [] },
  network: NETWORK_SCHEMA,
  namespacing: NAMESPACING_SCHEMA,
  virtual_servers: VIRTUAL_SERVERS_SCHEMA,
  plugins: PLUGINS_SCHEMA,
  policies: POLICIES_SCHEMA,
  identity: IDENTITY_SCHEMA,
  state: STATE_SCHEMA,
  cache: CACHE_SCHEMA,
  registry: REGISTRY_SCHEMA,
  store: STORE_SCHEMA,
  audit: AUDIT_SCHEMA,
  telemetry: TELEMETRY_SCHEMA,
  attestation: ATTESTATION_SCHEMA,
}

export const NOT_BUILT = {
  webhooks: 'webhooks come with a later issue',
  federation: 'federation comes with a later issue',
}

/** Compiles the schema of everything that is built; what is not is known and refused with the reason. */
export function configLoader(): Loader<GatewayConfig> {
  return createLoader<GatewayConfig>({
    sections: SECTIONS,
    notBuilt: NOT_BUILT,
    checks: [
      EXPOSURE_CHECK,
      createIdentityCheck((texts, options) => compileAnyOf(texts, { path: false, ...options })),
      PATHS_CHECK,
      AUDIT_CHECK,
      SERVERS_CHECK,
      ATTESTATION_CHECK,
      ATTESTED_SERVERS_CHECK,
      ...createPluginChecks(),
      ...createLimitChecks(),
    ],
  })
}
