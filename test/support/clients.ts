// SDK clients pinned to one era each, connected over Streamable HTTP and closed when disposed.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

export interface ConnectedClient extends AsyncDisposable {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
}

export interface ClientSettings {
  headers?: Record<string, string>
  /** What the client declares that it can do. */
  capabilities?: Record<string, object>
  name?: string
}

/** A client of the sessions era: initialize, Mcp-Session-Id, a stream of its own for notifications. */
export const legacyClient = (url: string, settings?: ClientSettings): Promise<ConnectedClient> =>
  connect(url, 'legacy', settings)

/** A client of the stateless era; it fails when the server does not offer that revision. */
export const modernClient = (url: string, settings?: ClientSettings): Promise<ConnectedClient> =>
  connect(url, { pin: '2026-07-28' }, settings)

async function connect(
  url: string,
  mode: 'legacy' | { pin: string },
  { headers = {}, capabilities = {}, name = 'portcullis-test' }: ClientSettings = {},
): Promise<ConnectedClient> {
  const client = new Client(
    { name, version: '1.0.0' },
    { capabilities, versionNegotiation: { mode } },
  )
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } })
  await client.connect(transport, { timeout: 10_000 })
  const close = async () => {
    if (mode === 'legacy') await transport.terminateSession().catch(() => {})
    await client.close()
  }
  return { client, transport, [Symbol.asyncDispose]: close }
}
