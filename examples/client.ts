// How the stories call a gateway: the SDK's client over Streamable HTTP, closed when disposed. No story in itself.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

export interface Caller extends AsyncDisposable {
  readonly tools: readonly string[]
  /** The text of the result, and whether the gateway or the tool says that it failed. */
  call(name: string, args?: Record<string, unknown>): Promise<{ text: string; isError: boolean }>
}

export async function connect(url: string): Promise<Caller> {
  const client = new Client({ name: 'example', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(url))
  await client.connect(transport)
  const { tools } = await client.listTools()
  return {
    tools: tools.map(({ name }) => name),
    async call(name, args = {}) {
      const { content, isError = false } = await client.callTool({ name, arguments: args })
      const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
      return { text, isError }
    },
    async [Symbol.asyncDispose]() {
      await transport.terminateSession()
      await client.close()
    },
  }
}
