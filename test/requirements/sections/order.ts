// Section 3 of the contract: the order of points, that none is passed by, and that what was inspected is what is sent.
import { section, within } from '../requirement.ts'

const matrix = within('test/e2e/matrix/matrix.test.ts')
const wire = (...names: readonly string[]) =>
  within('test/gateway/hooks-wire.test.ts')(...names.map((name) => `in the %s era > ${name}`))
const chain = (name: string) =>
  within('test/gateway/hooks-chain.test.ts')(`in the %s era > ${name}`)
const pairs =
  (file: string) =>
  (...names: readonly string[]) =>
    within(file)(...names.map((name) => `a %s client of a %s server > ${name}`))
const input = pairs('test/gateway/input.test.ts')
const asked = pairs('test/gateway/input-ask.test.ts')
const everyPoint = (...names: readonly string[]) =>
  within('test/requirements/every-point.test.ts')(...names.map((name) => `in the %s era > ${name}`))
const access = (...names: readonly string[]) =>
  within('test/gateway/access.test.ts')(...names.map((name) => `in the %s era > ${name}`))
const scan = within('test/wire/scan.test.ts')

export const ORDER = section('3 Order of points, and coverage', [
  {
    id: 'H3-order',
    says: 'A request passes `http_pre_request`, the scan, `session_pre_open`, the resolution of its name, the auth points, the pre-point, the upstream, the post-point and `http_post_request`, in this order.',
    tests: chain(
      'the points of a call fire in the order of section 3, all with one request id and generation',
    ),
  },
  {
    id: 'H3-scan-before-session',
    says: 'What the scan refuses comes to no point after it.',
    tests: matrix(
      'modern era, JSON answers > a body that is no JSON',
      'modern era, JSON answers > a body with a duplicate member',
    ),
  },
  {
    id: 'H3-resolve-before-pre',
    says: 'A name that nobody offers is refused before the pre-point.',
    tests: matrix('legacy era, JSON answers > tools/call of an unknown tool'),
  },
  {
    id: 'H3-authorise',
    says: 'The caller is authenticated before the scan and authorised before the pre-point, and again when the target changed.',
    tests: [
      ...within('test/gateway/authenticate.test.ts')(
        'without credentials where they are needed, and with wrong ones > %s is 401 with WWW-Authenticate, unread',
        'in the %s era > every point after it knows who asks; something had to be fetched: %s',
      ),
      ...access(
        '%s needs %s: without it -31001 and 403, and the server is not asked',
        'a rename at %s to what is forbidden is denied before the server is asked',
        'a rename does not open what the caller may not do by its own name',
        'nobody is asked to confirm a call that was renamed to something forbidden',
      ),
      ...within('test/gateway/access.test.ts')(
        'following resources > resources/subscribe needs mcp:resource.subscribe, and again for what a policy made of the URI',
        'following resources > each resource of a subscriptions/listen needs it',
      ),
      ...within('test/gateway/methods.test.ts')(
        'in the %s era > %s: the rules are asked with a right of its row, and nothing is served against them',
        'a handler that forgets to ask > is not heard: its answer is withheld',
      ),
    ],
  },
  {
    id: 'H3-ask-after-guards',
    says: 'A question is put after the guards and before the upstream.',
    tests: asked(
      'is asked after the guards and before the server, and a yes lets exactly that payload through',
      'is not asked about what a guard refuses',
    ),
  },
  {
    id: 'H3-cache',
    says: 'The cache is asked before the upstream and keeps the raw result; post-points run on hits too.',
    later: 'the result cache',
  },
  {
    id: 'H3-post-ascending',
    says: 'Post-points run in ascending priority, like pre-points.',
    tests: chain('post-points run in ascending priority, like pre-points'),
  },
  {
    id: 'H3-once-per-message',
    says: 'A point fires once per JSON-RPC message.',
    tests: matrix(
      'legacy era, JSON answers > tools/call',
      'legacy era, event streams only > tools/call with three progress notifications',
      'modern era, event streams only > tools/call with three progress notifications',
    ),
  },
  {
    id: 'H3-rounds',
    says: '`ctx.round` counts the rounds of a multi-round request and pre-points run on each; the post-point fires on the complete result.',
    tests: input(
      'is asked in several rounds: pre-points see each, the post-point of the call the complete result',
    ),
  },
  {
    id: 'H3-input-requests',
    says: 'Each input request of a round passes its elicitation, sampling or roots pre-point, each input response the post-point before the operation’s pre-point.',
    tests: [
      ...input(
        'is asked in several rounds: pre-points see each, the post-point of the call the complete result',
      ),
      ...everyPoint(
        'a patch at %s of %s is what the client is asked, and nothing else changes',
        'a patch at %s of %s is what the server is told, and nothing else changes',
      ),
    ],
  },
  {
    id: 'H3-server-to-client',
    says: 'For requests of a server to a client, pre is before the client sees it and post is the client’s answer before the server sees it.',
    tests: [
      ...input(
        'is asked in several rounds: pre-points see each, the post-point of the call the complete result',
      ),
      ...everyPoint(
        'a respond at %s is what the server is told, and the client is not asked',
        'a respond at %s is what the server is told instead of what the client said',
      ),
    ],
  },
  {
    id: 'H3-stream-held',
    says: 'Each streamed message passes its own point first, then `stream_message`, and is held until that chain has ended.',
    tests: within('test/gateway/stream-points.test.ts')(
      'in the %s era > fires once at the opening and the end of a POST’s stream, and on each message after its own point',
      'the stream of a session > fires once at its opening, on each message after its own point, and once at its end',
      'in the %s era > holds what follows while a policy decides, in order',
    ),
  },
  {
    id: 'H3-stream-holdback',
    says: 'What is held of a stream is bounded by `limits.holdback`; beyond it nothing is let through: the stream ends, and its request fails.',
    tests: within('test/gateway/stream-points.test.ts')(
      'in the %s era > more than limits.holdback held is let through by nobody: the request fails, and is given up at the server',
      'in the %s era > a single message above limits.holdback that a policy takes its time for is not let through',
      'in the %s era > where no policy decides nothing is held, whatever its size',
    ),
  },
  {
    id: 'H3-stream-resumed',
    says: 'A stream that a client takes up again passes `stream_pre_update`; what is sent anew passed `stream_message` when it was first sent.',
    tests: within('test/gateway/stream-points.test.ts')(
      'the stream of a session > that is taken up again passes stream_pre_update; what is sent anew does not pass stream_message twice',
    ),
  },
  {
    id: 'H3-stream-order',
    says: 'The order of messages per stream is kept, however long a chain takes.',
    tests: within('test/requirements/messages.test.ts')(
      'in the %s era > messages of a stream keep their order, however long a policy takes for one of them',
      'the stream of a session > keeps the order of messages that belong to no call, too',
    ),
  },
  {
    id: 'H3-every-surface',
    says: 'Every operation on every surface reaches its points through one dispatcher: JSON answers and event streams of both eras, stdio upstreams, mounted in Express, also behind `express.json()`, with a reload in between.',
    tests: [
      ...matrix(
        'legacy era, JSON answers > tools/call',
        'legacy era, event streams only > tools/call',
        'legacy era, servers over stdio > tools/call',
        'legacy era, mounted in Express > tools/call',
        'legacy era, behind express.json() > tools/call',
        'legacy era, reload in between > tools/call',
        'modern era, JSON answers > tools/call',
        'modern era, event streams only > tools/call',
        'modern era, mounted in Express > tools/call',
        'modern era, behind express.json() > tools/call',
        'modern era, reload in between > tools/call',
      ),
    ],
  },
  {
    id: 'H3-matrix',
    says: 'A generated matrix (operation, surface, point) proves it: every wired point fires exactly as often as it states, and every zero has a sentence.',
    tests: within('test/e2e/matrix/render.test.ts')(
      'docs/coverage-matrix.md is current',
      'every wired point fires in at least one cell',
      'every zero has a sentence of the contract',
      'the matrix counts every point that says it is wired',
    ),
  },
  {
    id: 'H3-admin-matrix',
    says: 'So does the matrix of the admin API: every route of its table, on its listener and in Express, fires exactly what the tables of routes and of kinds say, however the request ends.',
    tests: within('test/e2e/matrix/admin.test.ts')(
      'the admin API by %s > fires what the tables say, for every route: %s',
      'every route of the table has its rows',
    ),
  },
  {
    id: 'H3-admin-decision',
    says: 'A request of the admin API is decided about once, between the auth points; a list shows what could be read one by one.',
    tests: within('test/registry/leave.test.ts')(
      '$id finds in a list what can be read alone, and no more',
      '$0.id removes $1: $2, decided once',
    ),
  },
  {
    id: 'H3-declared-matrix',
    says: 'Entities of the configuration pass the points of their kinds at start and at a reload; what another replica has written passes none here.',
    tests: within('test/e2e/matrix/system.test.ts')(
      'start, one entity of each kind is declared',
      'reload, each of them is declared otherwise',
      'a server, a role and a peer are created by another replica',
    ),
  },
  {
    id: 'H3-virtual-servers',
    says: 'Virtual servers and HTTP+SSE reach their points through the same dispatcher; policies see which virtual server it is.',
    tests: [
      ...matrix(
        'legacy era, a virtual server > tools/call',
        'modern era, a virtual server > tools/call',
        'legacy era, HTTP+SSE of 2024-11-05 > tools/call',
      ),
      ...within('test/gateway/virtual.test.ts')(
        'for a %s client a virtual server > is seen by policies, conditions and the audit',
        'for a %s client a virtual server > refuses what a policy renames to something it does not select',
        'for a %s client a virtual server > serves no URI that it does not select, however it is spelled',
      ),
    ],
  },
  {
    id: 'H3-other-surfaces',
    says: 'Batches and the stdio side towards clients reach their points through the same dispatcher.',
    tests: matrix(
      'legacy era, on stdin and stdout > tools/call',
      'modern era, on stdin and stdout > tools/call',
      'legacy era, in a batch > tools/call',
      'legacy era, in a batch on stdin > tools/call',
    ),
  },
  {
    id: 'H3-duplicate-members',
    says: 'A message is refused with -32700 when any object in it, at any depth, has duplicate members.',
    tests: [
      ...wire('duplicate members %s are refused with -32700 and never reach the server'),
      ...scan('duplicate members are refused: %s'),
    ],
  },
  {
    id: 'H3-case-variants',
    says: 'A message is refused with -32700 when the envelope or the direct members of `params` have case variants.',
    tests: [
      ...wire('case variants %s are refused with -32700'),
      ...scan('case variants are refused where readers look for members: %s'),
    ],
  },
  {
    id: 'H3-case-variants-in-arguments',
    says: 'Inside `arguments` case variants are data.',
    tests: wire('inside arguments case variants are data'),
  },
  {
    id: 'H3-one-reading',
    says: 'No upstream parser, first-wins, last-wins or case-insensitive, can read another call into a message that passed.',
    tests: within('test/property/wire-scan.test.ts')(
      'the scan passes no valid JSON in which two readers could see different members',
    ),
  },
  {
    id: 'H3-big-integer-read',
    says: 'An integer beyond 2^53 that a plugin reads is refused at that point.',
    tests: wire(
      'an integer beyond 2^53 that a plugin reads is refused at that point; unread it keeps its digits',
    ),
  },
  {
    id: 'H3-numbers-travel',
    says: 'Numbers that nobody patched travel as their original bytes.',
    tests: within('test/property/wire-splice.test.ts')(
      'numbers travel as their original bytes, whatever else is edited',
    ),
  },
  {
    id: 'H3-only-these-change',
    says: 'Only id, name or URI, progress token and patched fields change on the way.',
    tests: wire(
      'only id and name change on the way: all other bytes are the client’s own',
      'a patch changes the patched field and nothing else',
      'a rename changes name in the body, and the headers say the new one',
      'progress carries the client’s own token back, and the server sees another',
    ),
  },
  {
    id: 'H3-unknown-members',
    says: 'Unknown members survive, in requests and in results.',
    tests: wire(
      'only id and name change on the way: all other bytes are the client’s own',
      'unknown members of a result survive, and its bytes are the server’s but for the id',
    ),
  },
])
