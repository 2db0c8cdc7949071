// Section 9 of the contract: what the points of one request share.
import { section, within } from '../requirement.ts'

const context = within('test/engine/context.test.ts')

export const IDENTITY = section('9 Identity of one request', [
  {
    id: 'H9-one-context',
    says: 'One context per request is shared by all its points.',
    tests: [
      ...context('one context per request > hands each plugin what is known of the request'),
      ...within('test/gateway/hooks-identity.test.ts')(
        'in the %s era > what is known grows from point to point: era, method, client, server',
      ),
    ],
  },
  {
    id: 'H9-same-request-id',
    says: 'All points of one request see the same request id, trace and generation.',
    tests: [
      ...within('test/gateway/hooks-chain.test.ts')(
        'in the %s era > the points of a call fire in the order of section 3, all with one request id and generation',
      ),
      ...within('test/gateway/hooks-identity.test.ts')(
        'in the %s era > all points of a request see one request id, which the client finds in x-request-id and in the violation',
      ),
    ],
  },
  {
    id: 'H9-labels-grow',
    says: 'Labels only grow.',
    tests: [
      ...context(
        'labels > only grow, are seen by conditions and by later plugins, and are kept for the request',
      ),
      ...within('test/gateway/hooks-identity.test.ts')(
        'in the %s era > a label of the request ends with it; a label of the session stays and only grows',
      ),
      ...within('test/requirements/engine.test.ts')('a label cannot be taken away again'),
    ],
  },
  {
    id: 'H9-labels-scope',
    says: 'Labels have scope `request` or `session`.',
    tests: context('labels > have scope request or session'),
  },
  {
    id: 'H9-labels-session',
    says: 'Labels of scope `session` are there in the session’s later requests; in the modern era a session is principal and client, with a time to live.',
    tests: [
      ...within('test/gateway/hooks-identity.test.ts')(
        'in the %s era > a label of the request ends with it; a label of the session stays and only grows',
      ),
      ...within('test/requirements/sessions.test.ts')(
        'labels of principal and client are forgotten when they were not used for half an hour',
      ),
    ],
  },
  {
    id: 'H9-state-bag',
    says: 'Each plugin has its own state bag per request, set at pre and read at post.',
    tests: [
      ...context(
        'the state bag > of an entry is set at pre and read at post, and nobody else sees it',
        'the state bag > is not shared between requests',
      ),
      ...within('test/gateway/hooks-identity.test.ts')(
        'in the %s era > each entry has its own state per request, written at pre and read at post',
      ),
    ],
  },
  {
    id: 'H9-shared-namespaced',
    says: '`context.shared` is namespaced by plugin.',
    tests: [
      ...context('context.shared > is namespaced by plugin'),
      ...within('test/gateway/hooks-identity.test.ts')(
        'in the %s era > what a plugin shares stands under its own id, for the others to read',
      ),
    ],
  },
  {
    id: 'H9-shared-snapshot',
    says: '`context.shared` is a read-only snapshot in parallel phases.',
    tests: context('context.shared > is a read-only snapshot in parallel phases'),
  },
  {
    id: 'H9-generation-pinned',
    says: 'Post-points use the generation of their pre-point.',
    tests: [
      ...within('test/e2e/matrix/matrix.test.ts')('legacy era, reload in between > tools/call'),
      ...within('test/gateway/reload.test.ts')(
        'an old generation > stays while a call of it is in flight, and later ones wait for their turn',
      ),
    ],
  },
  {
    id: 'H9-generation-let-go',
    says: 'A generation is closed only when its last request has ended and its observers have seen it.',
    tests: within('test/gateway/reload.test.ts')(
      'an old generation > is closed only after its observers have seen the last call',
      'an old generation > is let go at once when nobody uses it, also while a client keeps its stream open',
    ),
  },
  {
    id: 'H9-stream-generation',
    says: 'Long streams pin a generation per message, and after a swap `stream_pre_update` runs.',
    tests: within('test/gateway/stream-points.test.ts')(
      'in the %s era > after a reload an open stream passes stream_pre_update before its next message, and those after it the new generation',
      'the stream of a session > is judged by a generation that comes into force, also while nothing is said on it; a veto closes it for good',
    ),
  },
  {
    id: 'H9-dry-run-external',
    says: 'In a dry run plugins with `side_effects: external` are skipped and shown.',
    tests: context('a dry run > skips plugins with side effects outside and shows them'),
  },
  {
    id: 'H9-dry-run-writes',
    says: 'In a dry run storage, rate-limit and label writes are discarded.',
    tests: [
      ...context('labels > written in a dry run are discarded with it'),
      ...within('plugins/rate-limit/rate-limit.test.ts')(
        'the rate limit > leaves nothing behind in a dry run',
      ),
    ],
  },
  {
    id: 'H9-dry-run-no-upstream',
    says: 'In a dry run there is no upstream call.',
    tests: within('test/cli/explain.test.ts')(
      'explain > names every entry of the point in its order, what it did and how it ended',
    ),
  },
  {
    id: 'H9-dry-run-post',
    says: 'Post-points of a dry run need a given result.',
    tests: within('test/cli/explain.test.ts')(
      'explain > explains the points after a call on a given answer',
      'explain > ends with 2 for %s',
    ),
  },
])
