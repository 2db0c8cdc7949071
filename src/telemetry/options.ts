// The section `telemetry`: its JSON Schema and type; nothing is read or started here.
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

export type TelemetryOptions = Resolved<typeof TELEMETRY_SCHEMA>
