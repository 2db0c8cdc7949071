// A small MCP server over stdio for a first look without any configuration: three notes in memory, four tools. Nothing else uses it.
import { createInterface } from 'node:readline'

interface Tool {
  readonly description: string
  readonly readOnly: boolean
  readonly input: Readonly<Record<string, string>>
  run(input: Readonly<Record<string, string>>): string
}

const MOST_NOTES = 100
const notes = new Map([
  ['welcome', 'this server comes with the gateway'],
  ['customer', 'call Ada back at ada@example.com or +1 202 555 0143'],
  ['key', 'the staging key is sk-demo-not-a-real-key'],
])

const TOOLS: Readonly<Record<string, Tool>> = {
  list_notes: {
    description: 'Names of all notes',
    readOnly: true,
    input: {},
    run: () => [...notes.keys()].join('\n'),
  },
  read_note: {
    description: 'Text of one note',
    readOnly: true,
    input: { name: 'name of the note' },
    run: ({ name = '' }) => notes.get(name) ?? refuse(`there is no note ${name}`),
  },
  write_note: {
    description: 'Writes one note',
    readOnly: false,
    input: { name: 'name of the note', text: 'its text' },
    run({ name = '', text = '' }) {
      if (notes.size >= MOST_NOTES && !notes.has(name))
        refuse(`there are ${MOST_NOTES} notes already`)
      notes.set(name, text.slice(0, 10_000))
      return `wrote ${name}`
    },
  },
  delete_note: {
    description: 'Deletes one note',
    readOnly: false,
    input: { name: 'name of the note' },
    run: ({ name = '' }) =>
      notes.delete(name) ? `deleted ${name}` : refuse(`there is no note ${name}`),
  },
}

class Refusal extends Error {}

function refuse(why: string): never {
  throw new Refusal(why)
}

interface Request {
  readonly id?: string | number
  readonly method: string
  readonly params?: {
    readonly name?: string
    readonly arguments?: Record<string, string>
    readonly protocolVersion?: string
  }
}

function answer({ method, params = {} }: Request): object | undefined {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'portcullis-demo', version: '1.0.0' },
      }
    case 'ping':
      return {}
    case 'tools/list':
      return { tools: Object.entries(TOOLS).map(([name, tool]) => describe(name, tool)) }
    case 'tools/call':
      return call(params)
    default:
      return undefined
  }
}

function describe(name: string, { description, readOnly, input }: Tool): object {
  const names = Object.keys(input)
  const properties = Object.fromEntries(
    names.map((member) => [member, { type: 'string', description: input[member] }]),
  )
  return {
    name,
    description,
    inputSchema: { type: 'object', properties, required: names },
    annotations: { readOnlyHint: readOnly, destructiveHint: name.startsWith('delete') },
  }
}

function call({ name = '', arguments: input = {} }: NonNullable<Request['params']>): object {
  const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined
  try {
    const text = tool === undefined ? refuse(`there is no tool ${name}`) : tool.run(input)
    return { content: [{ type: 'text', text }] }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { content: [{ type: 'text', text: error.message }], isError: true }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as Request
  if (request.id === undefined) continue
  const result = answer(request)
  const outcome =
    result === undefined ? { error: { code: -32601, message: 'not offered here' } } : { result }
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: request.id, ...outcome })}\n`)
}
