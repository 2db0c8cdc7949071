// Civic's passthrough with ten local hooks, as its README shows it: createPassthroughProxy with instances of AbstractHook.
// https://www.npmjs.com/package/@civic/passthrough-mcp-server ("High-Level API", "Creating Custom Hooks")
import { AbstractHook, createPassthroughProxy } from '@civic/passthrough-mcp-server'

const { upstream, port, hooks } = JSON.parse(process.argv[2])

/** Decides by the name of the tool, before and after the call. */
class Policy extends AbstractHook {
  constructor(name) {
    super()
    this.id = name
  }

  get name() {
    return this.id
  }

  async processCallToolRequest(request) {
    if (request.params.name.endsWith('denied')) throw new Error('this tool is not for you')
    return { resultType: 'continue', request }
  }

  async processCallToolResult(response, request) {
    if (request.params.name.endsWith('secret')) throw new Error('this tool is not for you')
    return { resultType: 'continue', response }
  }
}

const { origin, pathname } = new URL(upstream)
await createPassthroughProxy({
  source: { transportType: 'httpStream', port },
  target: { transportType: 'httpStream', url: origin, mcpPath: pathname },
  hooks: Array.from({ length: hooks }, (_, index) => new Policy(`policy-${index}`)),
})
