// Section 4 of the contract: what a plugin may answer and what comes of it.
import { section, within } from '../requirement.ts'

const verdicts = within('test/engine/verdicts.test.ts')
const chain = (name: string) =>
  within('test/gateway/hooks-chain.test.ts')(`in the %s era > ${name}`)
const FIRST =
  'the first respond wins, later patches are discarded, guards still run, and post-points see ctx.origin plugin'
const view = within('test/engine/view.test.ts')

const asked = within('test/gateway/input-ask.test.ts')

export const VERDICTS = section('4 Verdicts', [
  {
    id: 'H4-precedence-deny',
    says: '`deny` goes before `ask`, `respond` and `pass`.',
    tests: [
      ...verdicts('precedence > deny beats ask, respond and pass'),
      ...within('test/requirements/engine.test.ts')(
        'the denial of a guard > goes before %s of the chain',
      ),
    ],
  },
  {
    id: 'H4-precedence-ask',
    says: '`ask` goes before `respond`.',
    tests: verdicts(
      'precedence > ask beats respond: a question that cannot be put is a denial, not the answer',
    ),
  },
  {
    id: 'H4-precedence-respond',
    says: '`respond` goes before `pass`.',
    tests: verdicts('precedence > respond beats pass'),
  },
  {
    id: 'H4-nothing-passes',
    says: 'Answering nothing is a pass.',
    tests: verdicts('precedence > nothing means pass, also from a promise'),
  },
  {
    id: 'H4-no-verdict-is-fault',
    says: '`null`, a string, a foreign object and whatever else is no verdict is a fault with a code, never a pass.',
    tests: verdicts(
      'an answer that is no verdict > such as %s is a fault with a clear code, never a pass',
      'an answer that is no verdict > such as null is a fault with a clear code, never a pass',
      'an answer that is no verdict > such as a string is a fault with a clear code, never a pass',
      'an answer that is no verdict > such as a revoked proxy or a thenable whose then throws is a fault',
    ),
  },
  {
    id: 'H4-patch-applied-as-chain-goes',
    says: 'A `patch` is applied as the chain goes: each plugin sees what the one before it made.',
    tests: verdicts('patch > each plugin sees what the one before it made'),
  },
  {
    id: 'H4-patch-writable-only',
    says: 'A `patch` may name `writable` fields only; anything else is a fault and changes nothing.',
    tests: [
      ...verdicts('patch > with %s is a fault and changes nothing'),
      ...within('test/property/engine.test.ts')(
        'a patch > never touches a field that is not writable, whatever it names',
      ),
    ],
  },
  {
    id: 'H4-patch-two-headers',
    says: 'Two plugins that patch headers both apply.',
    tests: [
      ...verdicts('patch > two plugins that patch headers both apply'),
      ...chain('two header plugins both apply, at http and at tool points'),
    ],
  },
  {
    id: 'H4-deny-ends',
    says: '`deny` ends the operation: entries after it do not run.',
    tests: verdicts('deny > ends the operation: later entries do not run'),
  },
  {
    id: 'H4-respond-provisional-chain',
    says: '`respond` is provisional: later entries of the chain still run for a veto.',
    tests: [
      ...verdicts('respond > is provisional: a veto later in the chain still counts'),
      ...chain('a respond at priority 10 does not skip a deny at 50: deny wins'),
    ],
  },
  {
    id: 'H4-respond-provisional-guards',
    says: 'After the chain the guards run on an answered operation too, and may deny it.',
    tests: verdicts('respond > is provisional: a guard that denies still counts'),
  },
  {
    id: 'H4-respond-first-wins',
    says: 'The first `respond` wins.',
    tests: verdicts('respond > the first one wins'),
  },
  {
    id: 'H4-respond-later-patches-discarded',
    says: 'Patches of entries after a `respond` are discarded.',
    tests: verdicts(
      'respond > makes the patches of later entries moot: they are discarded and recorded as such',
    ),
  },
  {
    id: 'H4-respond-skips-upstream',
    says: 'If nobody denies, the upstream is skipped.',
    tests: [
      ...chain(FIRST),
      ...within('test/requirements/every-point.test.ts')(
        'in the %s era > a respond at %s is what the client gets, and the server is not asked',
        'in the %s era > a respond at http_pre_request is the whole response',
      ),
    ],
  },
  {
    id: 'H4-respond-passes-post',
    says: 'The answer of a plugin passes every post-point with `ctx.origin` = plugin.',
    tests: chain(FIRST),
  },
  {
    id: 'H4-respond-only-where-short',
    says: '`respond` where the point has no short cut is a fault.',
    tests: [
      ...verdicts('respond > where the point has no short cut is a fault'),
      ...within('test/requirements/points.test.ts')(
        'a fired point > can be answered without the upstream where the contract says so',
      ),
    ],
  },
  {
    id: 'H4-respond-shape',
    says: 'A `respond` that has not the shape of the operation’s result is a fault.',
    tests: verdicts('respond > with the wrong shape for the operation is a fault'),
  },
  {
    id: 'H4-ask-where',
    says: '`ask` is for `enforce` entries at tool, prompt and resource pre-points; elsewhere it is a fault.',
    tests: [
      ...verdicts('ask > where the point has no question is a fault'),
      ...within('test/requirements/points.test.ts')(
        'a fired point > can ask at tool, prompt and resource pre-points',
      ),
      ...within('test/engine/modes.test.ts')(
        'guard > a %s from it is a fault',
        'permissive > records %s and goes on',
      ),
    ],
  },
  {
    id: 'H4-ask-merged',
    says: 'There is at most one merged question per call, after the guards.',
    tests: verdicts('ask > is at most one merged question per call, after the guards'),
  },
  {
    id: 'H4-ask-unavailable',
    says: 'Where nobody can be asked, a question ends the call with `ASK_UNAVAILABLE`.',
    tests: [
      ...chain('an ask is answered with ASK_UNAVAILABLE until there is somebody to ask'),
      ...verdicts(
        'precedence > ask beats respond: a question that cannot be put is a denial, not the answer',
      ),
      ...within('test/requirements/every-point.test.ts')(
        'in the %s era > an ask at %s is a denial with ASK_UNAVAILABLE, and the server is not asked',
      ),
      ...asked('a %s client of a %s server > that has no forms is denied with ASK_UNAVAILABLE'),
    ],
  },
  {
    id: 'H4-ask-sealed',
    says: 'The question is put by elicitation on the frozen payload; accepted, the call goes on with exactly that payload, whose digest is sealed.',
    tests: asked(
      'a %s client of a %s server > is asked after the guards and before the server, and a yes lets exactly that payload through',
      'in the modern era > a payload that differs at the next try is asked about again, and in the end cut off',
      'in the modern era > a yes to other arguments, or for another server, is no yes',
      'in the modern era > a yes to nothing, or without the state it belongs to, is asked about',
    ),
  },
  {
    id: 'H4-ask-declined',
    says: 'Decline, cancel and timeout are a denial with `ASK_DECLINED`.',
    tests: asked(
      'a %s client of a %s server > that says %s is denied with ASK_DECLINED',
      'in the legacy era > no answer within limits.ask is a denial with ASK_DECLINED, and the question is withdrawn',
      'in the modern era > a yes that comes after limits.ask is worth nothing',
    ),
  },
  {
    id: 'H4-ask-human-time',
    says: 'The time a person takes has a limit of its own.',
    tests: asked(
      'a %s client of a %s server > has time of its own: more than a call or a dispatch has',
      'in the legacy era > no answer within limits.ask is a denial with ASK_DECLINED, and the question is withdrawn',
    ),
  },
  {
    id: 'H4-payload-never-mutated',
    says: 'A payload is never mutated in place.',
    tests: verdicts('patch > leaves the payload that was handed in as it was'),
  },
  {
    id: 'H4-mutation-throws-in-development',
    says: 'An attempt to write to the payload throws in development.',
    tests: view('an attempt to write > to a nested member throws in development and is a fault'),
  },
  {
    id: 'H4-mutation-ignored-in-production',
    says: 'An attempt to write to the payload has no effect in production.',
    tests: view(
      'an attempt to write > to a nested member has no effect in production, and throws nothing',
    ),
  },
])
