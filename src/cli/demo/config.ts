// What runs when there is no configuration: one small server of our own behind four policies, on loopback. Data only.
import { fileURLToPath } from 'node:url'
import { EXTENSION, SOURCES } from '../../base/place.ts'

export interface DemoOptions {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly adminPort?: number | undefined
}

/** A configuration as an object; the server is the file beside this one, run by the same Node. */
export function demoConfig({
  host = '127.0.0.1',
  port = 8080,
  adminPort = 8081,
}: DemoOptions): object {
  return {
    version: 1,
    listen: { host, port },
    admin: { port: adminPort },
    servers: [
      {
        name: 'demo',
        command: process.execPath,
        args: [fileURLToPath(serverUrl())],
        tags: ['demo'],
      },
    ],
    plugins: {
      enabled: true,
      allowed: ['rules', 'deny-list', 'pii-filter', 'rate-limit'],
      entries: [
        {
          name: 'calls-per-minute',
          use: 'rate-limit',
          hooks: ['tool_pre_invoke'],
          priority: 5,
          config: { limit: 120, per: '1m' },
        },
        {
          name: 'no-keys-in',
          use: 'deny-list',
          hooks: ['tool_pre_invoke'],
          priority: 20,
          config: { words: ['PRIVATE KEY'], reason: 'keys do not belong into notes' },
        },
        { name: 'personal-data', use: 'pii-filter', hooks: ['tool_post_invoke'], priority: 30 },
      ],
    },
    policies: [
      {
        name: 'no-deletes',
        on: ['tool_pre_invoke'],
        conditions: [{ tools: ['*delete*'] }],
        // biome-ignore lint/suspicious/noThenProperty: the word of the configuration; the value is never awaited
        then: 'deny',
        code: 'NO_DELETES',
        reason: 'deleting needs the admin role',
        when: '!("admin" in principal.roles)',
        priority: 10,
      },
    ],
  }
}

function serverUrl(): URL {
  return new URL(`cli/demo/server.${EXTENSION}`, SOURCES)
}
