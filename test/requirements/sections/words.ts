// Sections 1 and 2 of the contract: what the words mean, and the sentences beside the tables of points.
import { section, within } from '../requirement.ts'

const matrix = within('test/e2e/matrix/matrix.test.ts')
const verdicts = within('test/engine/verdicts.test.ts')
const faults = within('test/engine/faults.test.ts')
const chain = (name: string) =>
  within('test/gateway/hooks-chain.test.ts')(`in the %s era > ${name}`)
const messages = within('test/requirements/messages.test.ts')
const listed = within('test/gateway/catalogue-gate.test.ts')
const gate = within('test/registry/catalogue/gate.test.ts')
const registry = within('test/registry/write.test.ts')
const inForce = within('test/registry/in-force.test.ts')
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
        'a fired point > only tells after a session, a change of an entity, a load or a reload, and when a server is another or an error was raised',
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
    id: 'H2-listed-passes',
    says: 'Whatever a server lists passes `tool_pre_register`, `prompt_pre_register` or `resource_pre_create` before anybody can list, call, get or read it, with the principal `system`.',
    tests: [
      ...listed(
        'the gate > asks as the system, once for each new digest, whichever catalogue of whichever era reads it',
        'the gate > judges prompts, resources and templates at their own points',
        'a client of the %s era > calls nothing that was vetoed although it never listed',
      ),
      ...within('test/e2e/matrix/system.test.ts')(
        'a server lists one thing of each kind, in both eras',
      ),
    ],
  },
  {
    id: 'H2-listed-everywhere',
    says: 'It does so on every surface: over stdio and HTTP, at virtual servers, in batches, in every round of a call.',
    tests: listed(
      'the gate > stands before a server over stdio, too',
      'the gate > stands before every element of a batch',
      'a client of the %s era > is kept from what was vetoed at a virtual server, too',
      'a client of the %s era > cannot retry a call whose tool was vetoed between two rounds',
    ),
  },
  {
    id: 'H2-listed-payload',
    says: 'The payload is `kind` (`tool`, `prompt`, `resource`), `id` (`SERVER/NAME`, of a template `SERVER:template/URI TEMPLATE`) and `entity` with `server`, `name`, `uri` or `uriTemplate`, and the `definition` as the server lists it.',
    tests: gate(
      'a definition > of a resource template has an id no resource can have',
      'a rewritten definition > is what is shown, also when the same is listed again, and what the next is compared with',
    ),
  },
  {
    id: 'H2-listed-changed',
    says: 'A changed definition passes the point of an update, with what was admitted before it as `previous`; what is listed no more passes the point of unregistering or deleting. The post-points tell how it ended.',
    tests: [
      ...listed(
        'the gate > tells new, changed and vanished apart, with what was before and how it ended',
      ),
      ...within('test/e2e/matrix/system.test.ts')(
        'it lists each with another definition',
        'it lists none of them',
      ),
    ],
  },
  {
    id: 'H2-listed-vanished',
    says: 'A veto or a fault at unregistering keeps nothing, because the server has it no longer: it is forgotten, and the veto is in the audit.',
    tests: gate(
      'a veto > of an unregistration keeps nothing: the server has it no longer',
      'a fault > at what has vanished forgets it all the same',
    ),
  },
  {
    id: 'H2-listed-digest',
    says: 'Only a definition whose digest is new to the entries that judge is dispatched: not again when it is listed again, over another connection, or after a reload that leaves these entries as they are.',
    tests: [
      ...listed(
        'the gate > asks nobody about what is listed again',
        'a reload > that leaves the entries as they are asks nobody again',
      ),
      ...gate('a definition > is asked about once, whichever connection of the server lists it'),
      ...within('test/e2e/matrix/system.test.ts')(
        'it lists the same again',
        'it lists the same after a reload',
      ),
      ...within('test/property/catalogue.test.ts')(
        'for any sequence of listings the gate asks what a naive model asks, and shows nothing that was not admitted',
      ),
    ],
  },
  {
    id: 'H2-listed-other-entries',
    says: 'Other entries, or other settings of them, judge everything once anew: as an update where it was admitted. Clients are told that lists have changed.',
    tests: [
      ...listed(
        'a reload > with other entries has everything judged anew, as an update where it was admitted, and is announced',
      ),
      ...gate(
        'another generation > with other entries asks about everything once: as an update where it was admitted',
      ),
    ],
  },
  {
    id: 'H2-listed-veto',
    says: 'A definition that was vetoed is in no list, and nobody can call, get or read it by any name; of a vetoed update neither the new definition is shown nor the one before.',
    tests: [
      ...listed(
        'a client of the %s era > neither lists nor calls a tool that was vetoed, by whichever name',
        'a client of the %s era > loses a tool that drifts into what is vetoed, and gets it back when it is as it was',
        'the gate > gives the name of what is withheld to no other server',
      ),
      ...listed('the gate > leaves a veto in the audit, with the server and the name'),
      ...gate('a veto > of an update shows neither the new definition nor the one before'),
    ],
  },
  {
    id: 'H2-listed-uri',
    says: 'A resource that was vetoed cannot be read by its URI, however it is spelled; a template that was vetoed leads nowhere, also where another one leads there.',
    tests: listed('a resource that was vetoed, to a client of the %s era > %s can be read: %s'),
  },
  {
    id: 'H2-listed-fault',
    says: 'An entry that breaks or takes too long keeps the definition out; it is asked again a moment later, and clients are told when it was let in.',
    tests: [
      ...listed(
        'the gate > keeps what cannot be judged out, raises it, and takes it in when the entry recovers',
        'the gate > tells clients when what they may list has changed because it judged again',
      ),
      ...gate('a fault > withholds the definition, is no verdict, and is asked about again'),
      ...gate('a fault > of time is one, too'),
    ],
  },
  {
    id: 'H2-listed-rewritten',
    says: 'A patch of `entity` may rewrite all of a definition but its server and what identifies it there; another one is a fault.',
    tests: [
      ...listed(
        'the gate > rewrites a definition of any kind, when it is new and when it has changed',
        'a client of the %s era > sees a definition as it was rewritten, and its name and server as they were',
      ),
      ...gate('a rewritten definition > that changes the %s is a fault, and withheld'),
    ],
  },
  {
    id: 'H2-listed-slow',
    says: 'A slow entry delays the lists and calls of no other server; what was waited for is announced.',
    tests: listed(
      'the gate > delays the lists of no other server, and announces what was waited for',
    ),
  },
  {
    id: 'H2-listed-bounds',
    says: 'Of one kind of one server 10,000 definitions are judged, eight at a time and for 30 s per listing; what is left is judged at the next, what is beyond is shown to nobody.',
    tests: gate(
      'bounds > what is beyond the number of definitions is withheld, and the log says so',
      'bounds > eight are asked about at a time',
      'bounds > a slow entry is asked no more when the time of a listing is over, and goes on where it was',
    ),
  },
  {
    id: 'H2-crud-points',
    says: 'Each kind of entity passes exactly its points when it is created, changed and removed; their twins observe whether it was written, vetoed or failed.',
    tests: registry(
      'an entity of kind %s > is created, changed and removed past exactly its points',
      'an entity of kind %s > is left as it is by a veto or a fault at its point %#',
    ),
  },
  {
    id: 'H2-crud-transform',
    says: 'What a plugin makes of an entity is validated like what it was given.',
    tests: registry(
      'what a plugin makes of an entity > is written when it is valid',
      'what a plugin makes of an entity > is a fault when it %s',
    ),
  },
  {
    id: 'H2-vetoed-server-quarantined',
    says: 'A vetoed server of the configuration is quarantined and the start goes on unless it is required.',
    tests: inForce(
      'a declared server > that is vetoed at start is quarantined, and the start goes on',
      'a declared server > that is required and vetoed keeps the gateway from starting',
      'a declared server > is judged by the running generation at a reload, and served when nobody is against it any more',
    ),
  },
  {
    id: 'H2-dry-run-of-writes',
    says: '`?dryRun=true` on any write runs the same pipeline and writes nothing.',
    tests: registry('an entity of kind %s > is only tried by a dry run'),
  },
  {
    id: 'H2-veto-aborts-write',
    says: 'A veto aborts the write and its reason reaches the caller.',
    tests: registry('an entity of kind %s > is left as it is by a veto or a fault at its point %#'),
  },
  {
    id: 'H2-server-status',
    says: '`server_status_changed` tells of every transition of a server.',
    tests: inForce('a transition of a server is told, also one before the first generation'),
  },
  {
    id: 'H2-events-ignore-verdicts',
    says: 'Events are points whose verdicts are ignored; integrations subscribe to them.',
    later: 'events and integrations',
  },
])
