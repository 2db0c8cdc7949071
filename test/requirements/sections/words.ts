// Sections 1 and 2 of the contract: what the words mean, and the sentences beside the tables of points.
import { section, within } from '../requirement.ts'

const matrix = within('test/e2e/matrix/matrix.test.ts')
const verdicts = within('test/engine/verdicts.test.ts')
const faults = within('test/engine/faults.test.ts')
const chain = (name: string) =>
  within('test/gateway/hooks-chain.test.ts')(`in the %s era > ${name}`)
const messages = within('test/requirements/messages.test.ts')
const HIDING =
  'hiding a tool from a list does not forbid it; adding one, or renaming one, is a fault'

export const WORDS = section('1 Words', [
  {
    id: 'H1-violation-stamped',
    says: 'A violation is the data of a `deny`, stamped with plugin and point.',
    tests: verdicts('deny > is stamped with plugin, entry and point'),
  },
  {
    id: 'H1-fault-not-violation',
    says: 'A fault is a plugin that broke; it is never a violation.',
    tests: faults('on_error: fail > is never a violation'),
  },
  {
    id: 'H1-fault-threw',
    says: 'A plugin that throws, whatever it throws, is a fault with a code.',
    tests: faults('whatever is thrown > %s becomes a fault with a code and one line'),
  },
  {
    id: 'H1-fault-timed-out',
    says: 'A plugin that is not done in its time is a fault.',
    tests: faults('time > an entry gets its own timeout'),
  },
  {
    id: 'H1-fault-not-allowed',
    says: 'A plugin that answers something it may not is a fault.',
    tests: verdicts('respond > where the point has no short cut is a fault'),
  },
  {
    id: 'H1-generation-swapped-whole',
    says: 'A generation is one immutable, compiled set of entries and policies; a reload swaps it whole.',
    tests: within('test/requirements/reloads.test.ts')(
      'a reload > swaps the whole set of policies, and the generation that ran is left as it was',
    ),
  },
])

export const POINT_SENTENCES = section('2 Points', [
  {
    id: 'H2-own-names',
    says: '`server` and `name` or `uri` in payloads are the upstream’s own; `exposedName` is the client’s name and read-only.',
    tests: chain(
      'payloads name the upstream’s own names, and exposedName is the client’s and read-only',
    ),
  },
  {
    id: 'H2-post-fires',
    says: 'Post-points of operations fire for results, for upstream errors and for answers of a plugin.',
    tests: matrix(
      'legacy era, JSON answers > tools/call',
      'legacy era, JSON answers > prompts/get, the server answers an error',
      'legacy era, JSON answers > tools/call, answered by a plugin',
    ),
  },
  {
    id: 'H2-post-not-for-own-errors',
    says: 'Post-points of operations do not fire for errors the gateway made itself.',
    tests: matrix(
      'modern era, JSON answers > tools/call, the server breaks off',
      'modern era, JSON answers > tools/call of an unknown tool',
    ),
  },
  {
    id: 'H2-http-post-every-response',
    says: '`http_post_request` sees every response, also those to requests that were refused unread.',
    tests: matrix(
      'modern era, JSON answers > a body that is no JSON',
      'modern era, JSON answers > a foreign Host header',
      'modern era, JSON answers > tools/call, denied at http_pre_request',
    ),
  },
  {
    id: 'H2-opening-kept',
    says: 'In the modern era every request is an opening; its verdict is kept for 60 s by principal, client, capabilities, revision and generation.',
    tests: [
      ...matrix('modern era, JSON answers > tools/list of a known client'),
      ...within('test/requirements/sessions.test.ts')(
        'the verdict on an opening of the modern era > is kept for 60 s by client, capabilities and generation, a denial too',
      ),
    ],
  },
  {
    id: 'H2-headers-empty-on-stdio',
    says: 'The headers in the payload of `tool_pre_invoke` are those to be sent upstream, empty on stdio.',
    tests: [
      ...messages(
        'the headers in the payload of a call are empty, on stdio as over HTTP, and no secret of the configuration is in them',
      ),
      ...chain('two header plugins both apply, at http and at tool points'),
    ],
  },
  {
    id: 'H2-list-remove-or-rewrite',
    says: 'A list point may remove items and rewrite all of an item but its name or URI.',
    tests: chain(HIDING),
  },
  {
    id: 'H2-list-adding-is-fault',
    says: 'Adding an item to a list, or renaming one, is a fault.',
    tests: chain(HIDING),
  },
  {
    id: 'H2-list-per-page',
    says: 'List points fire per page, in order, templates included.',
    tests: [
      ...messages(
        'in the %s era > a list point fires per page, in order, and sees the cursor and all owners',
      ),
      ...matrix('legacy era, JSON answers > resources/templates/list'),
    ],
  },
  {
    id: 'H2-hiding-is-not-forbidding',
    says: 'Hiding an item from a list does not forbid it: a policy names both points.',
    tests: chain(HIDING),
  },
  {
    id: 'H2-auth',
    says: 'The auth points fire on every permission decision, yes or no; a listing is one check with `targets`, and another only where what was denied leaves its page short.',
    tests: [
      ...within('test/gateway/auth-points.test.ts')(
        'in the %s era > a decision passes both, with who, what and how it was decided',
        'in the %s era > a listing is one check with its targets, and the second point is told which the rules deny',
        'in the %s era > the second fires on a denial, too: of a rule and of a plugin',
        'in the %s era > a call that a policy renamed is decided about a second time, and can be denied then',
      ),
      ...within('test/gateway/access-lists.test.ts')(
        'in the %s era > a page is one check, and there is another only where it fell short',
      ),
    ],
  },
  {
    id: 'H2-lists-show',
    says: 'A list shows what its reader may see, in full pages while there is more.',
    tests: [
      ...within('test/gateway/access.test.ts')(
        'in the %s era > %s shows what %s is there for, and is private',
      ),
      ...within('test/gateway/access-lists.test.ts')(
        'in the %s era > whatever is denied, what is left comes in full pages',
        'in the %s era > %s is shown: no page is announced that would be empty',
      ),
    ],
  },
  {
    id: 'H2-notification',
    says: '`notification_pre_forward` sees any notification, in either direction; a patch of its params is what is done and what goes on.',
    tests: [
      ...chain('a notification is patched, or dropped by a deny, in both directions'),
      ...within('test/requirements/every-point.test.ts')(
        'a patch at notification_pre_forward of params is what the gateway itself goes by: another request is cancelled',
      ),
    ],
  },
  {
    id: 'H2-subscribe',
    says: '`resource_pre_subscribe` fires for each resource a client subscribes to, in either era, and once more for the filter of `subscriptions/listen` as the client sent it.',
    tests: [
      ...within('test/gateway/subscribe.test.ts')(
        'resources/subscribe > a denied subscription is -31001, and the server is not asked',
      ),
      ...within('test/gateway/listen.test.ts')(
        'subscriptions/listen > its filter passes resource_pre_subscribe once, and each resource once more under its own name',
      ),
    ],
  },
  {
    id: 'H2-capabilities',
    says: 'Capabilities that `session_pre_open` takes away are not there for the session, nor for the server.',
    tests: within('test/requirements/every-point.test.ts')(
      'in the %s era > a patch at session_pre_open of capabilities is what the client can from then on',
    ),
  },
  {
    id: 'H2-upstream-headers',
    says: 'Headers of the transport itself are not writable at `tool_pre_invoke`.',
    tests: chain('headers of the transport itself are not writable'),
  },
  {
    id: 'H2-rename-within-server',
    says: 'A call may be renamed to another tool of the same server; one the server does not offer is refused.',
    tests: chain('a rename to something the server does not offer is refused'),
  },
  {
    id: 'H2-reload-not-at-start',
    says: '`config_pre_reload` judges a whole new configuration with the running generation; never at start.',
    tests: within('test/e2e/matrix/system.test.ts')('start', 'reload, refused by a plugin'),
  },
  {
    id: 'H2-observe-only',
    says: 'At a point that only tells, verdicts and faults of every mode are ignored.',
    tests: [
      ...within('test/engine/modes.test.ts')(
        'a point that only tells > ignores verdicts and faults of every mode',
      ),
      ...within('test/requirements/every-point.test.ts')(
        'in the %s era > a fault at a point that only tells harms nobody',
      ),
      ...within('test/requirements/points.test.ts')(
        'a fired point > only tells after a session, a load or a reload and when an error was raised',
      ),
    ],
  },
  {
    id: 'H2-unfired-is-load-error',
    says: 'Binding an entry or a policy to a point that is declared but not yet fired is a load error that says so.',
    tests: [
      ...within('test/config/bad.test.ts')(
        'a wrong configuration file > is refused with its place and message: entry-unfired-point',
        'a wrong configuration file > is refused with its place and message: policy-on-unfired-and-unknown',
      ),
    ],
  },
  {
    id: 'H2-unwired-crosses-nothing',
    says: 'What has no fired point does not cross: such a method answers -32601, such a request of a server is refused.',
    tests: [
      ...messages(
        'in the %s era > %s has no fired point: it is answered -32601 and never reaches a server',
        'in the %s era > what has no fired point is not advertised',
      ),
      ...within('test/upstream/stdio.test.ts')(
        'a request of the server is refused with -32601 and reported, a ping is answered',
      ),
    ],
  },
  {
    id: 'H2-vetoed-server-quarantined',
    says: 'A vetoed server of the configuration is quarantined and the start goes on unless it is required.',
    later: 'the control plane',
  },
  {
    id: 'H2-dry-run-of-writes',
    says: '`?dryRun=true` on any write runs the same pipeline and writes nothing.',
    later: 'the control plane',
  },
  {
    id: 'H2-veto-aborts-write',
    says: 'A veto aborts the write and its reason reaches the caller.',
    later: 'the control plane',
  },
  {
    id: 'H2-events-ignore-verdicts',
    says: 'Events are points whose verdicts are ignored; integrations subscribe to them.',
    later: 'events and integrations',
  },
])
