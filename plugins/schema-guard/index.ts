// Holds arguments and structured results to the schemas that the tool itself declares; it changes nothing.
import { definePlugin, deny, type PluginHost } from 'portcullis/plugin'

interface Config {
  readonly unknown_tool: 'deny' | 'pass'
  readonly unusable_schema: 'deny' | 'pass'
}

type Check = (value: unknown) => string | undefined
type Definition = Readonly<Record<string, unknown>>
type Part = 'inputSchema' | 'outputSchema'

export default definePlugin<Config>({
  id: 'schema-guard',
  setup(config, host) {
    const checkOf = createChecks(host)

    async function judge(
      target: { server: string; name: string },
      part: Part,
      value: unknown,
      missing: string,
      dryRun: boolean,
    ) {
      const definition = await host.toolDefinition(target.server, target.name)
      if (definition === undefined)
        // explain starts no server, so no tool is known to it
        return config.unknown_tool === 'pass' || dryRun
          ? undefined
          : refuse('SCHEMA_UNKNOWN_TOOL', 'the tool is not in the list of its server')
      if (definition[part] === undefined) return undefined
      const check = checkOf(definition, part)
      if (check === null)
        return config.unusable_schema === 'pass'
          ? undefined
          : refuse('SCHEMA_UNUSABLE', `the ${part} of the tool cannot be checked`)
      if (value === undefined) return refuse(CODES[part], missing)
      const wrong = check(value)
      return wrong === undefined ? undefined : refuse(CODES[part], `${WHAT[part]}: ${wrong}`)
    }

    return {
      hooks: {
        tool_pre_invoke: (payload, { dryRun }) =>
          judge(payload, 'inputSchema', payload.arguments ?? {}, '', dryRun),
        tool_post_invoke(payload, { dryRun }) {
          const { result } = payload
          // what a failed call says is not the value its outputSchema describes
          if (result === undefined || result.isError === true) return undefined
          return judge(
            payload,
            'outputSchema',
            result.structuredContent,
            'the result has no structured content, which its outputSchema asks for',
            dryRun,
          )
        },
      },
    }
  },
})

const CODES: Record<Part, string> = {
  inputSchema: 'SCHEMA_ARGUMENTS',
  outputSchema: 'SCHEMA_RESULT',
}
const WHAT: Record<Part, string> = {
  inputSchema: 'the arguments do not fit the inputSchema',
  outputSchema: 'the result does not fit its outputSchema',
}
const MAX_REASON = 300

function refuse(code: string, reason: string) {
  return deny({
    code,
    reason: reason.length > MAX_REASON ? `${reason.slice(0, MAX_REASON)}…` : reason,
  })
}

/** Null when a schema cannot be used. Compiled once for as long as the server's definition is the same object. */
function createChecks(host: PluginHost): (definition: Definition, part: Part) => Check | null {
  const known = {
    inputSchema: new WeakMap<Definition, Check | null>(),
    outputSchema: new WeakMap<Definition, Check | null>(),
  }
  return (definition, part) => {
    let check = known[part].get(definition)
    if (check === undefined) {
      check = compile(definition[part], host, part)
      known[part].set(definition, check)
    }
    return check
  }
}

function compile(schema: unknown, host: PluginHost, part: Part): Check | null {
  try {
    return host.schema.compile(schema as object)
  } catch (error) {
    host.log.warn(`an ${part} cannot be used`, { reason: (error as Error).message })
    return null
  }
}
