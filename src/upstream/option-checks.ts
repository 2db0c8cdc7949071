// What the schema of `servers` cannot say: a transport and a url that go together, headers that are the gateway's own; it starts nothing.
import type { Check } from '../config/load.ts'
import { isReservedHeader, mismatch, type ServerConfig } from './options.ts'

export const SERVERS_CHECK: Check = {
  sections: ['servers'],
  run(config, report) {
    const servers = config.servers as readonly ServerConfig[]
    servers.forEach((server, index) => {
      const wrong = mismatch(server)
      if (wrong !== undefined)
        report(['servers', index, 'transport'], `servers[${index}].transport: ${wrong}`)
      for (const name of Object.keys(server.headers ?? {}).filter(isReservedHeader))
        report(
          ['servers', index, 'headers', name],
          `servers[${index}].headers: the header ${name} is set by the gateway itself; leave it out`,
          { key: true },
        )
    })
  },
}
