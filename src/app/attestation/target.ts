// A configured or proposed server as the attestation room sees it.
import type { AttestedServer } from '../../attest/service/server.ts'
import type { ServerConfig } from '../../upstream/options.ts'

type Described = Pick<
  ServerConfig,
  'name' | 'url' | 'command' | 'args' | 'cwd' | 'tags' | 'attestation' | 'spiffe_id'
>

export function attestedServer(config: Described): AttestedServer {
  const {
    name,
    url,
    command,
    args = [],
    cwd,
    tags = [],
    attestation,
    spiffe_id: id = name,
  } = config
  const common = { name, id, tags, policy: attestation }
  if (url === undefined)
    return {
      ...common,
      transport: 'stdio',
      url: undefined,
      command: command === undefined ? undefined : [command, ...args],
      cwd,
    }
  const transport = /^(?:https|wss):/.test(url) ? 'tls' : 'plain'
  return { ...common, transport, url, command: undefined, cwd: undefined }
}
