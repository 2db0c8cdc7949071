// The sections `telemetry` and `admin`: their JSON Schemas and types; nothing is read or started here.
import type { Resolved } from '../config/schema/resolved.ts'

/** The section `telemetry`: what the gateway tells about itself. */
export const TELEMETRY_SCHEMA = {
  type: 'object',
  description: 'what the gateway tells about itself',
  additionalProperties: false,
  default: {},
  properties: {
    prometheus: {
      type: 'boolean',
      default: true,
      description: 'serve /metrics on the admin address',
    },
    log: {
      type: 'object',
      description: 'the log on stderr',
      additionalProperties: false,
      default: {},
      properties: {
        level: {
          enum: ['debug', 'info', 'warn', 'error'],
          default: 'info',
          description: 'the least severe level that is written',
        },
      },
    },
    otlp: {
      type: 'object',
      description: 'export of traces and metrics',
      'x-not-built': 'OpenTelemetry export comes with a later issue',
    },
    sla: {
      type: 'array',
      description: 'objectives that are watched',
      'x-not-built': 'service levels come with a later issue',
    },
    anomaly: {
      type: 'object',
      description: 'detection of unusual traffic',
      'x-not-built': 'anomaly detection comes with a later issue',
    },
  },
} as const

/** The section `admin`: the address that serves /metrics, /healthz and /readyz. */
export const ADMIN_SCHEMA = {
  type: 'object',
  description: 'the address that serves /metrics, /healthz and /readyz',
  additionalProperties: false,
  default: {},
  properties: {
    host: {
      type: 'string',
      minLength: 1,
      default: '127.0.0.1',
      description: 'address to listen on; it has no authentication yet',
    },
    port: {
      type: 'integer',
      minimum: 0,
      maximum: 65535,
      default: 8081,
      description: 'port to listen on; 0 lets the system choose',
    },
    path: {
      type: 'string',
      default: '/',
      description: 'path below which the admin API and console are served',
      'x-built': ['/'],
      'x-not-built': 'the admin API and console come with a later issue',
    },
  },
} as const

export type TelemetryOptions = Resolved<typeof TELEMETRY_SCHEMA>
export type AdminOptions = Resolved<typeof ADMIN_SCHEMA>
