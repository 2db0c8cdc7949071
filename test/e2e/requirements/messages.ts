// Messages: ids, tokens, questions of servers, logs, tasks, pages, and what must survive the way.
import { cite, rows, type WireRequirement } from './requirement.ts'

const MRTR = '2026-07-28 basic/patterns/mrtr, SEP-2322'

export const MESSAGES: readonly WireRequirement[] = [
  ...rows('legacy', [
    [
      'G1-cancelled',
      'notifications/cancelled reaches the server under its own id.',
      '2025-11-25 basic/utilities/cancellation',
      [
        ...cite.hostileProtocol(
          'a client that goes away in the middle of a call > legacy: disconnecting does not cancel, notifications/cancelled does',
        ),
        ...cite.stdio(
          'an aborted call is cancelled at the server and rejects with DISPATCH_ABORTED',
        ),
      ],
    ],
    [
      'G2-sampling',
      'sampling/createMessage, tools included, is asked of the session whose call caused it, and its answer goes back.',
      '2025-11-25 client/sampling',
      cite.input(
        'a %s client of a %s server > is asked for %s, and the server is told what it answered',
        'a %s client of a %s server > that declared %s is not asked what it did not declare',
        'two sessions never see each other’s questions',
      ),
    ],
    [
      'G2-elicitation',
      'elicitation/create in form and url is asked of the session whose call caused it; its completion is told to that one only.',
      '2025-11-25 client/elicitation',
      cite.input(
        'a %s client of a %s server > is asked to open a page',
        'a %s client of a %s server > is asked for %s, and the server is told what it answered',
        'a page that was opened is reported as done to the session that was asked, and to no other',
      ),
    ],
    [
      'G2-roots',
      'roots/list is asked of the session whose call caused it.',
      '2025-11-25 client/roots',
      cite.input(
        'a %s client of a %s server > is asked for %s, and the server is told what it answered',
        'a session cannot answer what another session is asked',
      ),
    ],
    [
      'G2-ping',
      'A ping of a server is answered by the gateway.',
      '2025-11-25 basic/utilities/ping',
      cite.stdio('a request of the server is refused with -32601 and reported, a ping is answered'),
    ],
    [
      'G4-legacy-client',
      'For a legacy client on a modern server the gateway asks the client, and the server again with the answers.',
      MRTR,
      cite.input(
        'a %s client of a %s server > is asked in several rounds: pre-points see each, the post-point of the call the complete result',
        'a %s client of a %s server > is asked several things at once',
      ),
    ],
  ]),
  ...rows('modern', [
    [
      'G3-asked',
      'input_required comes from tools/call, prompts/get and resources/read only, and asks for what the client declared only.',
      MRTR,
      cite.inputHostile('a %s client > is not asked what a modern server may not ask: %s'),
    ],
    [
      'G3-state',
      'The state of the gateway is sealed, of one principal and one request, and expires; a changed one is an error.',
      MRTR,
      cite.fuzz(
        'the target %s > breaks no property, is accepted often enough and reaches its branches',
      ),
    ],
    [
      'G3-echo',
      'The requestState of a server comes back to it exactly.',
      MRTR,
      cite.inputHostile(
        'a requestState > comes back to the server as the server made it, with the answers',
      ),
    ],
    [
      'G4-modern-client',
      'For a modern client on a legacy server the call is held open while the client answers, and goes on at its retry.',
      MRTR,
      cite.inputHostile(
        'a modern client of a legacy server > goes on with the call that is held for it, once',
        'a modern client of a legacy server > that never comes back has its call given up after limits.ask',
      ),
    ],
    [
      'G5-asked',
      'A request that did not ask for logs gets none.',
      '2026-07-28 server/utilities/logging',
      [
        ...cite.attackLeaks(
          'a log of a server that names no call > on the connection of the modern era reaches no session of the legacy era',
        ),
        ...cite.eras(
          'over Streamable HTTP > progress and logs of a modern call come before its answer, under the token of the client',
        ),
      ],
    ],
    [
      'G6-extension',
      'Tasks of the modern extension pass, are never invented, and their questions pass the points.',
      'SEP-2663',
      cite.tasks(
        'what a modern task needs to go on passes the points of questions, both ways',
        'tasks are advertised as far as they are served',
      ),
    ],
    [
      'G8-private',
      'A list that a policy or an authorisation shortened is private.',
      '2026-07-28 server/tools#listing-tools',
      cite.access('in the %s era > %s shows what %s is there for, and is private'),
    ],
  ]),
  ...rows('both', [
    [
      'G1-ids',
      'Ids are texts or whole numbers, never null; a server sees ids of the gateway, the client its own.',
      '2025-11-25 basic/index#requests',
      [
        ...cite.probes('a client > id null'),
        ...cite.rewrite(
          'id, token and what is not relayed change; everything else is the same, with or without edits',
        ),
        ...cite.stdio('concurrent calls with the same client id each get their own answer'),
        ...cite.hostileProtocol(
          'odd, but not wrong > equal ids on several modern requests at once are each answered',
        ),
      ],
    ],
    [
      'G1-progress',
      'Progress comes under the token of the client, and none after the answer.',
      '2025-11-25 basic/utilities/progress',
      [
        ...cite.wire(
          'in the %s era > progress carries the client’s own token back, and the server sees another',
        ),
        ...cite.rewrite('a progress token comes back as the client wrote it: %s'),
      ],
    ],
    [
      'G1-timeout',
      'A call ends at its deadline, progress or not, and is cancelled.',
      '2025-11-25 basic/lifecycle#timeouts',
      cite.stdio(
        'a call without an answer ends at its deadline, progress or not, and is cancelled',
      ),
    ],
    [
      'G5-level',
      'Logs are filtered by level; an unknown level is -32602.',
      '2025-11-25 server/utilities/logging',
      cite.hostileProtocol('odd, but not wrong > an unknown log level is -32602'),
    ],
    [
      'G6-tasks',
      'Ids of tasks are the gateway’s own and of one principal.',
      '2025-11-25 basic/utilities/tasks',
      cite.tasks(
        'a task of the %s era > has an id of the gateway, which leads back to the server',
        'an id of one principal is nothing to another',
      ),
    ],
    [
      'G6-completion',
      'The reference of a completion is mapped to its server, its context survives.',
      '2025-11-25 server/utilities/completion',
      cite.completion(
        'in the %s era > a prompt is asked for under its own name, with its context, and all of the answer survives',
        'in the %s era > %s is found by its URI',
      ),
    ],
    [
      'G7-cursor',
      'Cursors are opaque and signed; one that is not ours is -32602, the empty text, too.',
      '2025-11-25 server/utilities/pagination',
      [
        ...cite.cursor(
          'a cursor opens to the place it was sealed for, in its own list only',
          'a flip of any bit of its bytes is refused',
        ),
        ...cite.hostileProtocol('the eras > cursors that are not ours are -32602 (%s)'),
      ],
    ],
    [
      'G7-order',
      'Every item of every server is listed once, in an order that does not depend on who listed first.',
      '2025-11-25 server/utilities/pagination',
      [
        ...cite.hostileUpstream(
          'lists > 20,000 tools are listed, page by page, each once, and the last can be called',
        ),
        ...cite.names('exposed names > do not depend on the order in which servers list'),
      ],
    ],
    [
      'G7-broken',
      'One broken server empties no list of the others.',
      '2025-11-25 server/utilities/pagination',
      cite.hostileUpstream(
        'lists > %s: the tools of the other server are listed and called',
        'lists > a server that does not answer tools/list is waited for once, not by every call',
      ),
    ],
    [
      'G9-unknown-members',
      'Members nobody knows survive in both directions, numbers with their digits.',
      '2026-07-28 basic/index#meta',
      [
        ...cite.wire(
          'in the %s era > only id and name change on the way: all other bytes are the client’s own',
          'in the %s era > unknown members of a result survive, and its bytes are the server’s but for the id',
        ),
        ...cite.splice('numbers travel as their original bytes, whatever else is edited'),
        ...cite.clientsDefault('every tool arrives as its server defines it, but for its name'),
      ],
    ],
    [
      'G9-trace',
      'The trace context reaches the server in _meta.',
      '2026-07-28 basic/index#meta, SEP-414',
      cite.requestIdentity(
        'in the %s era > the trace of the client’s header reaches the plugins and, in _meta, the server; one in _meta stays as it is',
      ),
    ],
    [
      'G9-refs',
      'No $ref is fetched from the network, and what a server’s schema costs is bounded.',
      '2026-07-28 basic/index#ref-resolution, SEP-2106',
      cite.guardPlugin(
        'the schema guard > takes linear time over patterns and unique items that a server chose to be slow',
      ),
    ],
    [
      'G10-unknown-tool',
      'An unknown tool, prompt or resource is -32602.',
      '2025-11-25 server/tools#error-handling',
      [
        ...cite.clients(
          'an SDK client of the %s era > is told by the gateway itself that no server has a name',
        ),
        ...cite.hostileProtocol(
          'the eras > names of the prototype are unknown methods, tools and resources (%s)',
        ),
      ],
    ],
    [
      'G10-denial',
      'A policy that refuses a call is a result with isError, on which the model can act.',
      '2025-11-25 server/tools#error-handling',
      cite.answers(
        'in the %s era > tool pre: HTTP 200 and a result that is an error, with the violation in _meta',
      ),
    ],
    [
      'G11-names',
      'Names have at most the configured length, are stable, and lead back to exactly one.',
      '2025-11-25 server/tools#tool-names',
      cite.names(
        'exposed names > lead back to exactly one own name',
        'exposed names > are not longer than max_length, where that leaves room for digests that differ for certain',
        'exposed names > in mode collision carry the server only where another server has the same name',
      ),
    ],
    [
      'G11-uris',
      'URIs stay as they are unless two servers have one.',
      '2025-11-25 server/resources#resource-templates',
      cite.names(
        'exposed URIs > stay as they are where only one server has them, and a prefix can be taken off again',
        'exposed URIs > a URI made by filling a template in belongs to the server of the template',
      ),
    ],
    [
      'G12-errors',
      'Errors of a server keep code, message and data.',
      '2025-11-25 basic/index#responses',
      cite.clients(
        'an SDK client of the %s era > gets the errors of the server through the gateway with code and data',
      ),
    ],
  ]),
]
