// completion/complete in the terms of an operation: its ref names a prompt or a resource, its values stand one object deeper.
import { AppError } from '../../base/errors.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import { type Edit, editMember, valueEdit } from '../../wire/splice.ts'
import type { Call } from '../exchange.ts'
import type { OperationForm, Target } from './operations.ts'
import { assertOfEra, locate, targetOf } from './targets.ts'

/** Which list a kind of ref is looked up in, the member that names it there, and what its caller has to have. */
const REFS = {
  'ref/prompt': {
    kind: 'prompts',
    member: 'name',
    needs: { right: 'mcp:prompt.get', aim: 'prompt' },
  },
  'ref/resource': {
    kind: 'resources',
    member: 'uri',
    needs: { right: 'mcp:resource.read', aim: 'resource' },
  },
} as const

interface Ref {
  readonly value: JsonObject
  readonly type: keyof typeof REFS
  readonly kind: 'prompts' | 'resources'
  readonly member: 'name' | 'uri'
  readonly exposed: string
}

export const COMPLETION: OperationForm = {
  needs: ({ params }) => REFS[refOf(params).type].needs,
  async find(call) {
    assertServed(call)
    assertOfEra(call)
    const { kind, exposed } = refOf(call.message.params)
    checkArgument(call.message.params)
    const template = kind === 'resources' ? await templated(call, exposed) : undefined
    return offering(call, template ?? (await locate(call, kind, exposed)))
  },
  before({ params }, target) {
    return {
      server: target.own.server,
      ref: renamed(refOf(params), target.own.name),
      argument: params?.argument,
      ...(isObject(params?.context) ? { context: params.context } : {}),
    }
  },
  rename(message, own) {
    const ref = refOf(message.params)
    const member = message.scan.inner.get('ref')
    return member && ref.exposed !== own ? [valueEdit(member, renamed(ref, own))] : []
  },
  after(target, { ref, argument }, { result, error }) {
    const values = isObject(result) ? completionIn(result).values : []
    return { server: target.own.server, ref, argument, values, ...(error ? { error } : {}) }
  },
  replyEdits(reply, { values }): Edit[] {
    const completion = completionIn(reply.result as JsonObject)
    if (values === completion.values) return []
    return editMember(reply, ['result', 'completion'], { ...completion, values })
  },
  answer: (answer, { values }) => ({
    completion: values === undefined ? answer : { ...answer, values: values as string[] },
  }),
}

function refOf(params: JsonObject | undefined): Ref {
  const value = params?.ref
  const type = isObject(value) ? value.type : undefined
  const known = type === 'ref/prompt' || type === 'ref/resource' ? type : undefined
  const exposed = known && isObject(value) ? value[REFS[known].member] : undefined
  if (!known || typeof exposed !== 'string')
    throw new AppError(
      'WIRE_INVALID_PARAMS',
      'params.ref names neither a prompt (ref/prompt, name) nor a resource (ref/resource, uri)',
    )
  const { kind, member } = REFS[known]
  return { value: value as JsonObject, type: known, kind, member, exposed }
}

function renamed({ value, member }: Ref, own: string): JsonObject {
  return { ...value, [member]: own }
}

function checkArgument(params: JsonObject | undefined): void {
  const argument = params?.argument
  if (
    !isObject(argument) ||
    typeof argument.name !== 'string' ||
    typeof argument.value !== 'string'
  )
    throw new AppError('WIRE_INVALID_PARAMS', 'params.argument has no name and value')
}

/** A template is listed letter by letter; what it can become is found like any resource. */
async function templated(call: Call, exposed: string): Promise<Target | undefined> {
  const { runtime, identity } = call.exchange
  const { uris } = await runtime.catalogs[identity.era].list('templates')
  const own = uris.owner(exposed)
  return (
    own && targetOf(call, 'templates', exposed, { own, definition: undefined, params: undefined })
  )
}

/** Throws WIRE_METHOD_NOT_FOUND where no server completes anything: then it is not advertised, either. One that is down may. */
function assertServed({ exchange }: Call): void {
  const { runtime, identity } = exchange
  for (const upstream of runtime.upstreams.values()) {
    const completes = isObject(upstream.nearest(identity.era)?.capabilities.completions)
    if (completes || upstream.status.state !== 'ready') return
  }
  throw new AppError('WIRE_METHOD_NOT_FOUND', 'no server here completes arguments')
}

// a server is asked only for what it says it can do
function offering({ exchange }: Call, target: Target): Target {
  const { era } = exchange.identity
  const link = target.upstream.nearest(era)
  if (link && !isObject(link.capabilities.completions))
    throw new AppError('WIRE_INVALID_PARAMS', 'the server behind params.ref completes no arguments')
  return target
}

function completionIn(result: Readonly<Record<string, unknown>>): JsonObject {
  return isObject(result.completion) ? (result.completion as JsonObject) : {}
}
