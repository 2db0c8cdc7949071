// What the schema of `servers` cannot say: a transport and a url that go together; it starts nothing.
import type { Check } from '../config/load.ts'
import { mismatch, type ServerConfig } from './options.ts'

export const SERVERS_CHECK: Check = {
  sections: ['servers'],
  run(config, report) {
    const servers = config.servers as readonly ServerConfig[]
    servers.forEach((server, index) => {
      const wrong = mismatch(server)
      if (wrong !== undefined)
        report(['servers', index, 'transport'], `servers[${index}].transport: ${wrong}`)
    })
  },
}
