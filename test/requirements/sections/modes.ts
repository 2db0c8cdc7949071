// Section 5 of the contract: what an entry's verdict may do, when it runs, what its faults, its time and its size mean.
import { section, within } from '../requirement.ts'

const modes = within('test/engine/modes.test.ts')
const faults = within('test/engine/faults.test.ts')
const chain = (name: string) =>
  within('test/gateway/hooks-chain.test.ts')(`in the %s era > ${name}`)
const auth = (...names: readonly string[]) =>
  within('test/gateway/auth-points.test.ts')(...names.map((name) => `in the %s era > ${name}`))
const engine = within('test/property/engine.test.ts')
const TABLE = 'the table of modes says what section 5 says'

export const MODES = section('5 Modes', [
  {
    id: 'H5-enforce',
    says: '`enforce`: a deny blocks, a patch applies, in a serial chain.',
    tests: [
      ...modes('enforce > runs as a serial chain, by priority, lower first', TABLE),
      ...within('test/engine/verdicts.test.ts')(
        'deny > ends the operation: later entries do not run',
      ),
    ],
  },
  {
    id: 'H5-permissive-deny',
    says: '`permissive`: a deny is recorded as would deny, and the call goes on.',
    tests: [
      ...modes('permissive > records a deny as would deny and goes on'),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has what permissive and audit entries would have done',
      ),
    ],
  },
  {
    id: 'H5-permissive-patch',
    says: '`permissive`: a patch applies.',
    tests: modes('permissive > applies patches'),
  },
  {
    id: 'H5-permissive-answer',
    says: '`permissive`: `respond` and `ask` are recorded.',
    tests: [
      ...modes('permissive > records %s and goes on'),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has what permissive and audit entries would have done',
      ),
    ],
  },
  {
    id: 'H5-permissive-schedule',
    says: '`permissive` entries run in the same serial chain as `enforce`.',
    tests: modes('permissive > runs in the same serial chain as enforce'),
  },
  {
    id: 'H5-guard-aborts-siblings',
    says: '`guard`: a deny blocks and aborts its siblings; aborted ones are traced as such.',
    tests: modes(
      'guard > that denies aborts its siblings, and they are traced as aborted',
      'guard > that denies at once aborts those that wait and those that have not begun',
    ),
  },
  {
    id: 'H5-guard-only-denies',
    says: '`guard`: `patch`, `respond` and `ask` are faults.',
    tests: modes('guard > a %s from it is a fault'),
  },
  {
    id: 'H5-guard-final-payload',
    says: 'Guards run on the final, frozen payload.',
    tests: modes('guard > sees the final payload, after every patch of the chain'),
  },
  {
    id: 'H5-guard-rename',
    says: 'A rename by an earlier plugin does not slip past a guard.',
    tests: [
      ...within('test/engine/conditions.test.ts')(
        'the rest is evaluated on the current payload just before the entry has its turn > a rename by an earlier plugin does not slip past an entry for the new name, in the chain or as a guard',
      ),
      ...chain(
        'a rename by an earlier plugin does not slip past a guard, nor past an entry bound to the new name',
      ),
    ],
  },
  {
    id: 'H5-guard-parallel',
    says: 'Guards run in parallel.',
    tests: modes('guard > runs in parallel with its siblings'),
  },
  {
    id: 'H5-guard-sync-first',
    says: 'Synchronous guards run first, in priority order.',
    tests: modes('guard > runs synchronous ones first, in priority order'),
  },
  {
    id: 'H5-guard-lowest-priority-reported',
    says: 'The violation of the lowest priority number that settled is reported.',
    tests: [
      ...modes('guard > reports the violation of the lowest priority number that settled'),
      ...within('test/requirements/engine.test.ts')(
        'the denial of a guard > of the lowest priority number is reported when several settle in one turn, here %o',
      ),
    ],
  },
  {
    id: 'H5-guard-deny-beats-fault',
    says: 'A deny beats the fault of a sibling.',
    tests: modes('guard > a deny beats the fault of a sibling, whoever came first'),
  },
  {
    id: 'H5-audit-records',
    says: '`audit`: `deny`, `respond` and `ask` are recorded without effect.',
    tests: [
      ...modes('audit > has its deny, respond and ask recorded without effect'),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has what permissive and audit entries would have done',
      ),
    ],
  },
  {
    id: 'H5-audit-diff',
    says: '`audit`: a patch is recorded as a diff.',
    tests: modes('audit > has its patch recorded as a diff'),
  },
  {
    id: 'H5-audit-every-outcome',
    says: '`audit` entries run once per dispatch, for every outcome, on the payload as of the deciding step.',
    tests: modes('audit > sees every outcome once, on the payload as of the deciding step'),
  },
  {
    id: 'H5-audit-off-path',
    says: '`audit` entries run off the caller’s path.',
    tests: modes('audit > runs off the path of the caller'),
  },
  {
    id: 'H5-background-ignored',
    says: '`background`: the return value is ignored.',
    tests: modes('background > has its return value ignored, whatever it is'),
  },
  {
    id: 'H5-background-after',
    says: '`background` entries run after the outcome is known, for every outcome.',
    tests: modes('background > runs after the outcome is known, for every outcome'),
  },
  {
    id: 'H5-background-bounded',
    says: 'The queue of `background` entries is bounded and its drops are counted.',
    tests: modes(
      'background > has a bounded queue whose drops are counted, while audit still sees every outcome',
    ),
  },
  {
    id: 'H5-disabled',
    says: '`disabled`: the plugin is not instantiated.',
    tests: within('test/host/lifecycle.test.ts')('a disabled entry > is not instantiated'),
  },
  {
    id: 'H5-priority',
    says: 'The chain is ordered strictly by priority, lower first, default 100, ties in file order.',
    tests: [
      ...modes('enforce > has a default priority of 100 and ties in file order'),
      ...engine(
        'order > is total and stable: it does not depend on how the registrations came',
        'order > is by priority, then by place in the file, and loses nobody',
      ),
    ],
  },
  {
    id: 'H5-before-after',
    says: '`before` and `after` are assertions that are checked at load.',
    tests: [
      ...within('test/engine/conditions.test.ts')(
        'before and after > are assertions checked at load',
      ),
      ...within('test/host/refusals.test.ts')(
        'a configuration > is refused when an asserted order does not hold',
      ),
    ],
  },
  {
    id: 'H5-foreign-modes',
    says: 'The modes of ContextForge are translated by the importer and not accepted natively.',
    tests: [
      ...within('test/config/bad.test.ts')(
        'a wrong configuration file > is refused with its place and message: foreign-mode',
      ),
      ...within('test/config/import.test.ts')(
        'ContextForge plugin YAML > becomes entries with our modes, failure policies and conditions',
      ),
    ],
  },
  {
    id: 'H5-withheld',
    says: 'When a call ends before an entry that redacts had its turn, observers get the content as `[withheld]`.',
    tests: [
      ...modes(
        'what observers may see > a call denied before a redactor had its turn: the content is withheld',
        'what observers may see > %s: the content is withheld',
        'what observers may see > after a redactor: what it made',
      ),
      ...chain('observers run on a deny, and never see what a redactor had not redacted'),
    ],
  },
  {
    id: 'H5-auth-decision',
    says: 'A permission is denied if any rule or plugin denies, else granted if a rule or an entitled plugin grants, else denied.',
    tests: [
      ...auth(
        'deny if any rule or plugin denies > %s',
        'deny if any rule or plugin denies > a grant does not beat a denial, whoever says it first',
        'deny if any rule or plugin denies > an allowing patch after a denial is a fault, and nothing else',
        'grant if a rule or an entitled plugin grants > where no rule says anything, the grant of an entitled entry counts',
        'grant if a rule or an entitled plugin grants > where a rule denies, it does not',
        'of a list > what any rule or plugin denies is not in it: every entry is heard',
      ),
      ...within('test/engine/joined.test.ts')(
        'a point that joins answers > hears every entry, in their order',
      ),
    ],
  },
  {
    id: 'H5-auth-grant',
    says: 'The grant of an entry counts only with `grants: { authorize: true }` and a manifest that asks for it; otherwise it is a fault.',
    tests: [
      ...auth(
        'grant if a rule or an entitled plugin grants > of an entry without manifest or without grants it is a fault: %s',
        'grant if a rule or an entitled plugin grants > a fault that is ignored grants nothing',
      ),
      ...within('test/engine/joined.test.ts')(
        'an answer for entitled entries only > is a fault of every other entry',
      ),
    ],
  },
  {
    id: 'H5-on-error-fail',
    says: '`on_error: fail`, the default of `enforce`, `permissive` and `guard`, refuses the operation.',
    tests: [
      ...faults('on_error: fail > refuses the operation in mode %s'),
      ...within('test/config/load.test.ts')(
        'a configuration > has every default in place, durations in milliseconds and sizes in bytes',
      ),
      ...within('test/requirements/every-point.test.ts')(
        'in the %s era > a fault at %s fails closed: -32603, nothing of the result',
      ),
    ],
  },
  {
    id: 'H5-on-error-ignore',
    says: '`on_error: ignore` goes on without the entry.',
    tests: faults(
      'on_error: ignore > goes on without the entry; the fail-open is counted, told and traced',
    ),
  },
  {
    id: 'H5-observer-no-on-error',
    says: 'On `audit` and `background` entries `on_error` may not be set.',
    tests: within('test/config/bad.test.ts')(
      'a wrong configuration file > is refused with its place and message: entry-observer-on-error',
    ),
  },
  {
    id: 'H5-observer-no-default-on-error',
    says: '`plugins.defaults.on_error` does not apply to observers.',
    tests: within('test/host/lifecycle.test.ts')(
      'the settings of an entry > come from the defaults where it says nothing, but on_error never for observers',
    ),
  },
  {
    id: 'H5-observer-faults-counted',
    says: 'Faults of observers are counted and never take a call down.',
    tests: [
      ...modes('observers > that throw, time out or answer nonsense harm nobody'),
      ...chain('an observer that throws harms nobody'),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has faults of observers, which took no call down',
      ),
    ],
  },
  {
    id: 'H5-breaker-opens',
    says: '`on_error: disable`: after `breaker.faults` consecutive faults the entry is open for `breaker.open`.',
    tests: faults(
      'on_error: disable > opens after so many consecutive faults, in mode %s',
      'on_error: disable > counts only faults in a row',
    ),
  },
  {
    id: 'H5-breaker-trial',
    says: 'After that time there is one trial.',
    tests: faults(
      'on_error: disable > is tried once after the time, and closes when that goes well',
      'on_error: disable > opens again when the trial fails',
      'on_error: disable > lets one call through at a time while it is tried',
    ),
  },
  {
    id: 'H5-breaker-counts-failed-open',
    says: 'Faults before the breaker opens and calls while it is open count as failed open.',
    tests: faults('on_error: disable > opens after so many consecutive faults, in mode %s'),
  },
  {
    id: 'H5-breaker-only-disable',
    says: 'Other settings have no breaker.',
    tests: faults('on_error: ignore > has no breaker: the entry is called every time'),
  },
  {
    id: 'H5-fail-open-counted',
    says: 'Every fail-open is counted and audited.',
    tests: [
      ...faults(
        'on_error: ignore > goes on without the entry; the fail-open is counted, told and traced',
      ),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has every fail-open, and every fault that failed closed',
      ),
    ],
  },
  {
    id: 'H5-fail-open-readyz',
    says: 'Every fail-open is visible on `/readyz`.',
    tests: within('test/requirements/reloads.test.ts')(
      '/readyz > shows every fail-open by point, entry and number',
    ),
  },
  {
    id: 'H5-budget-by-class',
    says: 'A dispatch has a budget by the class of its point: data 10 s, control 30 s, server admission 150 s.',
    tests: [
      ...within('test/requirements/points.test.ts')(
        'the budget of a dispatch > is by the class of its point: data, control, server admission',
      ),
      ...within('test/config/load.test.ts')(
        'a configuration > has every default in place, durations in milliseconds and sizes in bytes',
      ),
    ],
  },
  {
    id: 'H5-entry-timeout',
    says: 'An entry gets the lesser of its timeout and what is left of the budget.',
    tests: faults(
      'time > an entry gets its own timeout',
      'time > an entry never gets more than what is left of the dispatch budget',
    ),
  },
  {
    id: 'H5-signal-lazy',
    says: 'The `AbortSignal` is handed over lazily and aborts when the time is over.',
    tests: faults('time > the signal is handed over lazily and aborts when the time is over'),
  },
  {
    id: 'H5-one-wheel',
    says: 'There is one coarse wheel, armed only while something is pending.',
    tests: faults('time > one coarse wheel, armed only while something is pending'),
  },
  {
    id: 'H5-late-handler',
    says: 'A handler that is late has no effect any more.',
    tests: [
      ...faults('a late handler has no effect > not by its verdict'),
      ...within('test/requirements/engine.test.ts')(
        'a verdict that comes too late > %s: changes nothing and is not recorded as given',
      ),
    ],
  },
  {
    id: 'H5-size-raw',
    says: 'Size is first the raw byte length: what is larger is refused before any plugin runs.',
    tests: faults(
      'size > is first the raw byte length: what is larger is refused before any plugin runs',
    ),
  },
  {
    id: 'H5-size-per-point',
    says: 'The limit is 1 MiB unless a point has another one.',
    tests: [
      ...faults('size > has a limit per point'),
      ...within('test/config/load.test.ts')(
        'a configuration > keeps the default limits of points beside those that are given',
      ),
    ],
  },
  {
    id: 'H5-size-resource',
    says: 'A resource of 2 MB is refused by a limit of 1 MB.',
    tests: chain('a 2 MB resource is refused by a 1 MB limit, and passes without one'),
  },
  {
    id: 'H5-size-after-patch',
    says: 'After a patch only the patched fields are walked.',
    tests: faults(
      'size > after a patch walks only the patched fields: %s',
      'size > does not count what was there before',
    ),
  },
  {
    id: 'H5-runner-equals-reference',
    says: 'The compiled runner does what all these sentences say in any combination: it equals a naive reference on random sets of entries.',
    tests: engine(
      'the compiled runner > equals the naive reference on random plugin sets, modes, priorities, conditions, verdicts, faults and on_error',
    ),
  },
])
