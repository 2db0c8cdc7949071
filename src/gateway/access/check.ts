// One permission decision: the rules in force, between auth_pre_check and auth_post_check. What a denial becomes is its callers' affair.
import { AppError } from '../../base/errors.ts'
import type { RequestContext } from '../../engine/context.ts'
import type { Generation, Runner } from '../../engine/engine.ts'
import type { Outcome } from '../../engine/outcome.ts'
import type { StampedViolation } from '../../engine/verdict.ts'
import type { Authorizer, Decision, Target } from '../../identity/access.ts'
import type { Right } from '../../identity/rights.ts'
import type { Points } from '../../points/table.ts'

type Pre = Points['auth_pre_check']
type Post = Points['auth_post_check']

/** Who decides in one generation. */
export interface Access {
  readonly authorizer: Authorizer
  readonly pre: Runner<Pre['payload'], Pre['answer']> | null
  readonly post: Runner<Post['payload'], Post['answer']> | null
}

/** Null: nobody has to be asked, because everybody may do everything. */
export function createAccess(
  authorizer: Authorizer,
  generation: Pick<Generation<Points>, 'runner'>,
): Access | null {
  const pre = generation.runner('auth_pre_check')
  const post = generation.runner('auth_post_check')
  return authorizer.open && !pre && !post ? null : { authorizer, pre, post }
}

export interface Asked {
  readonly action: Right
  readonly targets: readonly Target[]
  /** One check for all of them; otherwise there is one target. */
  readonly listing: boolean
}

export interface Denial {
  readonly violation: StampedViolation
  /** Scopes that would have done. */
  readonly scopes?: readonly string[] | undefined
  /** No plugin said so. */
  readonly byRule?: boolean
}

export interface Decided {
  /** Denied as a whole, which a check of one target always is. */
  readonly denial: Denial | undefined
  /** Places in `targets` that are denied. */
  readonly denied: ReadonlySet<number>
}

/** At once where no plugin has to be waited for. Throws, or rejects with, a fault. */
export function check(
  access: Access,
  request: RequestContext,
  asked: Asked,
): Decided | Promise<Decided> {
  if (access.pre || access.post) return withPoints(access, request, asked)
  return ruled(access.authorizer, request, asked, NOTHING_SAID)
}

/** What plugins said before the rules were asked. */
interface Said extends Decided {
  /** An entitled entry grants what no rule denies. */
  readonly granted: boolean
}

const NONE: ReadonlySet<number> = new Set()
const NOTHING_SAID: Said = { denial: undefined, denied: NONE, granted: false }

async function withPoints(
  { authorizer, pre, post }: Access,
  request: RequestContext,
  asked: Asked,
): Promise<Decided> {
  const payload = payloadOf(request, asked)
  const said = pre ? saidBefore(await pre.dispatch(payload, request, {}), asked) : NOTHING_SAID
  const decided = said.denial ? said : ruled(authorizer, request, asked, said)
  if (!post) return decided
  const shown = {
    ...payload,
    decision: decided.denial ? 'deny' : 'allow',
    ...(asked.listing ? { denied: [...decided.denied] } : {}),
  } as const
  return saidAfter(await post.dispatch(shown, request, {}), asked, decided)
}

function payloadOf({ identity }: RequestContext, { action, targets, listing }: Asked) {
  const { principal } = identity
  return listing ? { principal, action, targets } : { principal, action, target: targets[0] }
}

function saidBefore(outcome: Outcome<object, Pre['answer']>, asked: Asked): Said {
  switch (outcome.kind) {
    case 'pass':
      return NOTHING_SAID
    case 'deny':
      return { ...NOTHING_SAID, denial: { violation: outcome.violation } }
    case 'respond': {
      const { allowed, denied = [] } = outcome.answer
      const places = placesIn(asked, denied)
      if (allowed === false || (!asked.listing && places.size > 0))
        return { ...NOTHING_SAID, denial: byPolicy('auth_pre_check', outcome.entry) }
      return { denial: undefined, denied: places, granted: allowed === true }
    }
    default:
      throw faultOf(outcome)
  }
}

/** What is decided can only be turned towards a denial. */
function saidAfter(
  outcome: Outcome<Post['payload'], Post['answer']>,
  asked: Asked,
  { denial, denied }: Decided,
): Decided {
  switch (outcome.kind) {
    case 'deny':
      return { denial: denial ?? { violation: outcome.violation }, denied }
    case 'pass':
    case 'respond': {
      const more = outcome.kind === 'respond' ? placesIn(asked, outcome.answer.denied) : NONE
      const turned = outcome.payload.decision === 'deny' || (!asked.listing && more.size > 0)
      const entry = outcome.kind === 'respond' ? outcome.entry : 'auth_post_check'
      return {
        denial: denial ?? (turned ? byPolicy('auth_post_check', entry) : undefined),
        denied: denied.union(more),
      }
    }
    default:
      throw faultOf(outcome)
  }
}

function faultOf(outcome: Outcome<object>): AppError {
  if (outcome.kind === 'fault') return outcome.fault
  return new AppError('INTERNAL', `a permission check ended with ${outcome.kind}`)
}

// a plugin that counts otherwise than we do would hide the wrong items
function placesIn({ targets }: Asked, places: readonly number[]): ReadonlySet<number> {
  if (places.some((place) => place < 0 || place >= targets.length))
    throw new AppError('PLUGIN_PATCH_INVALID', 'a policy denied what was not asked about')
  return new Set(places)
}

/** The rules: deny if one denies, else allow if one allows or an entitled plugin granted it, else deny. */
function ruled(
  authorizer: Authorizer,
  request: RequestContext,
  { action, targets, listing }: Asked,
  { denied, granted }: Said,
): Decided {
  // said of the MCP plane only: nothing is open to everybody on the other one
  if (authorizer.open && action.startsWith('mcp:')) return { denial: undefined, denied }
  const { principal } = request.identity
  if (!listing) {
    const decision = authorizer.decide(principal, action, targets[0] as Target)
    return { denial: denialOf(decision, granted), denied }
  }
  const places = new Set(denied)
  authorizer.decideAll(principal, action, targets).forEach((decision, place) => {
    if (denialOf(decision, granted)) places.add(place)
  })
  return { denial: undefined, denied: places }
}

function denialOf(decision: Decision, granted: boolean): Denial | undefined {
  if (decision.allowed || (granted && decision.silent === true)) return undefined
  const violation = { code: 'AUTH_DENIED', reason: decision.reason, ...OWN }
  return { violation, scopes: decision.scopes, byRule: true }
}

const OWN = { plugin: 'portcullis', entry: 'identity', point: 'auth_pre_check' } as const

function byPolicy(point: 'auth_pre_check' | 'auth_post_check', entry: string): Denial {
  const reason = 'a policy denies it'
  return { violation: { code: 'AUTH_DENIED', reason, plugin: 'portcullis', entry, point } }
}
