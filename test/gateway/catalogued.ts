// A server whose lists change when the test says so, and an entry that judges what it lists by its description and notes it.
import { deny, type Hooks, type PluginContext, type PointName, patch } from '../../src/plugin.ts'
import { type Recorder, type RecorderOptions, startRecorder } from './recorder.ts'

export interface Lists {
  tools: object[]
  prompts: object[]
  resources: object[]
  resourceTemplates: object[]
}

export interface Catalogued extends AsyncDisposable {
  readonly recorder: Recorder
  readonly url: string
  readonly lists: Lists
  /** Changes what is listed, and says so. */
  change(lists: Partial<Lists>): void
}

export const tool = (name: string, description = `does ${name}`, more: object = {}) => ({
  name,
  description,
  inputSchema: { type: 'object' },
  ...more,
})

const MEMBER: Readonly<Record<string, keyof Lists>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}

export async function startCatalogued(
  first: Partial<Lists> = {},
  options: RecorderOptions = {},
): Promise<Catalogued> {
  const lists: Lists = { tools: [], prompts: [], resources: [], resourceTemplates: [], ...first }
  const told = { listChanged: true }
  const recorder = await startRecorder({
    capabilities: { tools: told, prompts: told, resources: told },
    list(method) {
      const member = MEMBER[method]
      return member && { [member]: lists[member] }
    },
    ...options,
  })
  return {
    recorder,
    url: recorder.url,
    lists,
    change(now) {
      Object.assign(lists, now)
      for (const kind of ['tools', 'prompts', 'resources'])
        recorder.announce({ method: `notifications/${kind}/list_changed` })
    },
    [Symbol.asyncDispose]: () => recorder.close(),
  }
}

export interface Event {
  readonly point: PointName
  readonly id: string
  readonly description?: unknown
  readonly previous?: unknown
  readonly outcome?: string
}

export interface Judge {
  readonly hooks: Hooks
  readonly events: Event[]
  /** `point id`, in order, of what was asked. */
  asked(): string[]
  /** Codes that were raised. */
  readonly raised: string[]
  /** Whether it throws at what says `break`. */
  broken: boolean
  /** What it waits for at what says `wait`. */
  wait: Promise<void>
}

const PRE = [
  'tool_pre_register', 'tool_pre_update', 'tool_pre_unregister', 'prompt_pre_register', 'prompt_pre_update',
  'prompt_pre_unregister', 'resource_pre_create', 'resource_pre_update', 'resource_pre_delete',
] as const // biome-ignore format: a table
const POST = [
  'tool_post_register', 'tool_post_update', 'tool_post_unregister', 'prompt_post_register', 'prompt_post_update',
  'prompt_post_unregister', 'resource_post_create', 'resource_post_update', 'resource_post_delete',
] as const // biome-ignore format: a table

interface Payload {
  readonly id: string
  readonly entity: { readonly definition: Record<string, unknown> }
  readonly previous?: { readonly definition: Record<string, unknown> }
  readonly outcome?: string
}

export const PRINCIPALS = new Set<string>()

/** Vetoes what says `poison`, rewrites what says `rewrite`. */
export function createJudge(): Judge {
  const events: Event[] = []
  const raised: string[] = []
  const judge: Judge = {
    events,
    raised,
    asked: () =>
      events.map(({ point, id }) => `${point} ${id}`).filter((each) => /_pre_/.test(each)),
    broken: true,
    wait: Promise.resolve(),
    hooks: {
      error_raised: ({ code, where }) => void raised.push(`${code} ${where}`),
      ...Object.fromEntries(
        POST.map((point) => [
          point,
          ({ id, outcome }: Payload) =>
            void events.push({ point, id, ...(outcome && { outcome }) }),
        ]),
      ),
      ...Object.fromEntries(
        PRE.map((point) => [
          point,
          (payload: Payload, ctx: PluginContext) => judgeOne(point, payload, ctx),
        ]),
      ),
    },
  }
  function judgeOne(
    point: PointName,
    { id, entity, previous }: Payload,
    { principal }: PluginContext,
  ) {
    PRINCIPALS.add(principal.id)
    const { description } = entity.definition
    events.push({
      point,
      id,
      description,
      ...(previous && { previous: previous.definition.description }),
    })
    const text = String(description)
    if (text.includes('poison')) return deny({ code: 'POISON', reason: 'poisoned' })
    if (text.includes('break') && judge.broken) throw new Error('broken')
    if (text.includes('wait')) return judge.wait
    if (!text.includes('rewrite')) return undefined
    const definition = { ...entity.definition, description: 'rewritten' }
    return patch({ entity: { ...entity, definition } })
  }
  return judge
}
