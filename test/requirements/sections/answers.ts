// Section 6 of the contract: what the other side gets when a policy refuses or a plugin breaks.
import { section, within } from '../requirement.ts'

const answers = within('test/gateway/hooks-answers.test.ts')
const each = (...names: readonly string[]) =>
  answers(...names.map((name) => `in the %s era > ${name}`))
const REFUSED = '%s on %s: the JSON-RPC error -31001 at HTTP 200'
const refused = (point: string, method: string) =>
  each(REFUSED.replace('%s', point).replace('%s', method))

const everyPoint = (name: string) =>
  within('test/requirements/every-point.test.ts')(`in the %s era > ${name}`)
const streams = within('test/gateway/stream-points.test.ts')

export const ANSWERS = section('6 What the other side gets', [
  {
    id: 'H6-tool-pre',
    says: 'A call denied before the tool: HTTP 200 and a result with `isError: true`, the text “blocked by policy: REASON (CODE)” and `portcullis/violation` in `_meta`.',
    tests: each('tool pre: HTTP 200 and a result that is an error, with the violation in _meta'),
  },
  {
    id: 'H6-tool-modern',
    says: 'In the modern era that result says `resultType: "complete"`.',
    tests: each('tool pre: HTTP 200 and a result that is an error, with the violation in _meta'),
  },
  {
    id: 'H6-tool-post',
    says: 'A call denied after the tool adds that the tool ran and its result is withheld.',
    tests: each('tool post: it adds that the tool ran and its result is withheld'),
  },
  {
    id: 'H6-prompt',
    says: 'A denied prompt, before or after, is the JSON-RPC error -31001 with code, reason and request id, at HTTP 200.',
    tests: [
      ...refused('prompt_pre_fetch', 'prompts/get'),
      ...refused('prompt_post_fetch', 'prompts/get'),
    ],
  },
  {
    id: 'H6-resource',
    says: 'A denied resource is that same error.',
    tests: [
      ...refused('resource_pre_fetch', 'resources/read'),
      ...refused('resource_post_fetch', 'resources/read'),
    ],
  },
  {
    id: 'H6-list',
    says: 'A denied list is that same error.',
    tests: [
      ...refused('tool_post_list', 'tools/list'),
      ...refused('prompt_post_list', 'prompts/list'),
      ...refused('resource_post_list', 'resources/list'),
      ...refused('resource_post_list', 'resources/templates/list'),
    ],
  },
  {
    id: 'H6-argument',
    says: 'A denied completion of an argument is that same error.',
    tests: within('test/gateway/completion.test.ts')(
      'in the %s era > a denial %s is -31001, and no value gets out',
    ),
  },
  {
    id: 'H6-subscribe',
    says: 'A denied subscription is that same error.',
    tests: [
      ...within('test/gateway/subscribe.test.ts')(
        'resources/subscribe > a denied subscription is -31001, and the server is not asked',
      ),
      ...within('test/gateway/listen.test.ts')(
        'subscriptions/listen > a denial of its %s is -31001, and nothing is subscribed to',
      ),
    ],
  },
  {
    id: 'H6-cache',
    says: 'A denied access of the cache is that same error.',
    later: 'the result cache',
  },
  {
    id: 'H6-http',
    says: 'A request denied at an HTTP point is that same error with the status `httpStatus`, or 403.',
    tests: [
      ...each('httpStatus and httpHeaders count at http points'),
      ...answers('a violation without httpStatus is 403 at an http point'),
    ],
  },
  {
    id: 'H6-session',
    says: 'A denied opening is that same error with the status `httpStatus`, or 403, and no session.',
    tests: each('httpStatus and httpHeaders count at session points'),
  },
  {
    id: 'H6-401',
    says: 'A 401 comes with `WWW-Authenticate`.',
    tests: answers(
      'a violation with httpStatus 401 comes with WWW-Authenticate, also when the plugin forgot it',
    ),
  },
  {
    id: 'H6-auth',
    says: 'A denied permission is that same error with the status `httpStatus`, or 403.',
    tests: [
      ...within('test/gateway/access.test.ts')(
        'in the %s era > %s needs %s: without it -31001 and 403, and the server is not asked',
        'in the %s era > too little scope is 403 with what would have done',
        'in the %s era > whoever is nobody in particular is told to come with credentials',
        'where a denial has no status of its own > in a batch each element is denied by itself',
      ),
      ...within('test/gateway/auth-points.test.ts')(
        'in the %s era > deny if any rule or plugin denies > a status and headers of the plugin count',
      ),
    ],
  },
  {
    id: 'H6-elicitation',
    says: 'At a denied elicitation the upstream gets `{action: "decline"}`; in the modern era the gateway retries with it.',
    tests: everyPoint('a denial at %s tells the server that it was declined; questions put: %d'),
  },
  {
    id: 'H6-sampling',
    says: 'At a denied sampling the upstream gets an error; in the modern era the enclosing call is denied.',
    tests: everyPoint(
      'a denial at %s is an error to the server of the legacy era, and the end of the call in the modern one; questions put: %d',
    ),
  },
  {
    id: 'H6-notification',
    says: 'A denied notification is dropped and audited.',
    tests: [
      ...each('a denied notification is dropped: the client gets its 202 all the same'),
      ...within('test/gateway/hooks-chain.test.ts')(
        'in the %s era > a notification is patched, or dropped by a deny, in both directions',
      ),
    ],
  },
  {
    id: 'H6-stream-message',
    says: 'A denied message of a stream is dropped; a dropped response becomes its request’s denial.',
    tests: [
      ...streams(
        'in the %s era > a message that stream_message denies is dropped, the others come in their order',
        'in the %s era > a denied answer becomes the denial of its request: that of a tool, or an error',
        'the stream of a session > loses a message that is denied, and no other',
      ),
    ],
  },
  {
    id: 'H6-stream-open',
    says: 'Where `stream_pre_open` denies, the request that would have opened the stream gets that same error with the status `httpStatus`, or 403, and is given up at the server.',
    tests: streams(
      'in the %s era > a veto at stream_pre_open of a client that takes nothing else is 403 with the id of the request, and nothing is sent',
      'in the %s era > a veto at stream_pre_open of a call under way refuses the call, and gives it up at the server',
      'the stream of a session > that stream_pre_open refuses is 403, and takes no place',
    ),
  },
  {
    id: 'H6-stream-update',
    says: 'Where `stream_pre_update` denies, the stream is closed for good: the request it answers is denied, and who would take it up again gets 403.',
    tests: streams(
      'in the %s era > a veto at stream_pre_update closes the stream: its request is denied and given up',
      'the stream of a session > is judged by a generation that comes into force, also while nothing is said on it; a veto closes it for good',
      'the stream of a session > a veto at stream_pre_update of a client that takes a stream up is 403, and the stream is gone',
    ),
  },
  {
    id: 'H6-stream-close',
    says: 'A deny at `stream_pre_close` holds nothing open; what is kept of the stream can no longer be taken up.',
    tests: streams(
      'in the %s era > a veto at stream_pre_close holds nothing open',
      'the stream of a session > a veto at stream_pre_close forgets what was kept of a stream that could be taken up',
    ),
  },
  {
    id: 'H6-control-plane',
    says: 'A veto of the control plane is 403 `application/problem+json` with the violation.',
    tests: within('test/admin/api.test.ts')(
      'a write that is refused > by a policy says its code and reason, and nothing of the plugin',
    ),
  },
  {
    id: 'H6-fault',
    says: 'A fault is -32603 with `data.code`.',
    tests: [
      ...each('a fault (%s) is -32603 with data.code, never isError'),
      ...within('test/requirements/every-point.test.ts')(
        'in the %s era > a fault at %s fails closed: -32603, nothing of the result',
        'in the %s era > a fault at session_pre_open opens nothing',
      ),
    ],
  },
  {
    id: 'H6-fault-never-is-error',
    says: 'A fault is never shown as `isError`.',
    tests: each('a fault (%s) is -32603 with data.code, never isError'),
  },
  {
    id: 'H6-audit-only',
    says: '`description`, `details` and plugin names go to the audit only.',
    tests: each('description, details and plugin names go to the audit only'),
  },
  {
    id: 'H6-http-status-where',
    says: '`httpStatus` and `httpHeaders` count at http, session and auth points and nowhere else.',
    tests: each(
      'httpStatus and httpHeaders count at http points',
      'httpStatus and httpHeaders count at session points',
      'at the other points Retry-After alone counts, where headers are unsent',
    ),
  },
  {
    id: 'H6-retry-after',
    says: '`Retry-After` counts wherever headers are unsent.',
    tests: each(
      'at the other points Retry-After alone counts, where headers are unsent',
      'on an event stream the answer is the same, and so is Retry-After',
    ),
  },
  {
    id: 'H6-batch',
    says: 'Elements of a batch are denied one by one.',
    tests: within('test/gateway/batch.test.ts')(
      'policies > deny the elements of a batch one by one',
      'an element is refused by itself, > %s, and the others are answered',
    ),
  },
])
