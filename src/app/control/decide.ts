// The decision about writes and reads of entities: the rules in force between the auth points, as on the other plane.
import { RequestContext } from '../../engine/context.ts'
import {
  type Access,
  type Asked,
  check,
  type Decided,
  type Denial,
} from '../../gateway/access/check.ts'
import type { Reporter } from '../../gateway/exchange.ts'
import type { Runtime } from '../../gateway/runtime.ts'
import type { Authorizer, Decision } from '../../identity/access.ts'
import type { AnyOf } from '../../identity/authorize/rule.ts'
import type { IdentityEntities } from '../../registry/identity.ts'
import type { Asker, RegistryDeps } from '../../registry/parts.ts'
import type { Assembly } from '../generation/assemble.ts'
import { authorizerFor } from '../identity-parts.ts'

export interface DecideParts {
  readonly current: () => Assembly
  /** A host knows who asks; otherwise the section `identity` and the store decide, also where the MCP plane is open to all. */
  readonly hosted: boolean
  readonly entities: () => IdentityEntities
  readonly anyOf: AnyOf
}

/** Who decides on the API plane in the generation that runs. */
export function createApiAuthorizer({
  current,
  hosted,
  entities,
  anyOf,
}: DecideParts): () => Authorizer {
  const compiled = new WeakMap<Runtime, Authorizer>()
  return () => {
    const { runtime, loaded } = current()
    if (hosted) return runtime.gate.authorizer
    const authorizer = compiled.get(runtime) ?? authorizerFor(loaded.config, anyOf, entities())
    compiled.set(runtime, authorizer)
    return authorizer
  }
}

export type Decide = Pick<RegistryDeps, 'authorize' | 'authorizeAll' | 'rules'>

/** Refusals of the rules are told to `report`; those of plugins the engine tells of. */
export function createDecide(
  current: () => Assembly,
  authorizer: () => Authorizer,
  report: Pick<Reporter, 'decided'>,
): Decide {
  const accessOf = ({ runtime }: Assembly): Access => {
    const { pre = null, post = null } = runtime.access ?? {}
    return { authorizer: authorizer(), pre, post }
  }
  const checked = async (by: Asker, asked: Asked): Promise<Decided> => {
    const assembly = current()
    const request = requestOf(by, asked.action, assembly.runtime.generation.id)
    const decided = await check(accessOf(assembly), request, asked)
    const { action, targets } = asked
    const [target] = targets
    const violation = decided.denial?.violation ?? refusedList(asked, decided)
    if (violation) report.decided({ request }, { action, target, violation })
    return decided
  }
  return {
    async authorize(by, action, target) {
      const { denial } = await checked(by, { action, targets: [target], listing: false })
      return decisionOf(denial)
    },
    async authorizeAll(by, action, targets) {
      const { denial, denied } = await checked(by, { action, targets, listing: true })
      const whole = decisionOf(denial)
      // of what is left out of a list nobody asks why
      return targets.map((_, place) => (whole.allowed && denied.has(place) ? LEFT_OUT : whole))
    },
    rules: (principal, action, target) => authorizer().decide(principal, action, target),
  }
}

const LEFT_OUT = Object.freeze({ allowed: false, reason: 'a role or a policy denies it' } as const)

/** The list itself comes first, without a name: nothing of what was asked for is shown. */
function refusedList(
  { targets, listing }: Asked,
  { denied }: Decided,
): Denial['violation'] | undefined {
  if (!listing || denied.size < targets.length || targets[0]?.name !== undefined) return undefined
  const { reason } = LEFT_OUT
  const own = { plugin: 'portcullis', entry: 'identity', point: 'auth_pre_check' } as const
  return { code: 'AUTH_DENIED', reason, ...own }
}

function decisionOf(denial: Denial | undefined): Decision {
  if (!denial) return { allowed: true }
  const { violation, scopes } = denial
  return { allowed: false, reason: violation.reason, ...(scopes ? { scopes } : {}) }
}

function requestOf(
  { principal, requestId, surface }: Asker,
  method: string,
  generation: number,
): RequestContext {
  return new RequestContext({
    requestId,
    trace: undefined,
    era: 'modern',
    surface,
    method,
    principal,
    client: undefined,
    session: undefined,
    generation,
  })
}
