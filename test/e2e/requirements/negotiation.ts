// Negotiation: which revision and era a client and a server speak, what is offered, and what is translated between them.
import { cite, rows, type WireRequirement } from './requirement.ts'

const LIFECYCLE = '2025-11-25 basic/lifecycle#version-negotiation'
const VERSION_HEADER = '2025-11-25 basic/transports#protocol-version-header'
const VERSIONING = '2026-07-28 basic/versioning'
const COMPATIBLE = '2026-07-28 basic/versioning#backward-compatibility'

export const NEGOTIATION: readonly WireRequirement[] = [
  ...rows('legacy', [
    [
      'N1-echo',
      'initialize is answered with the version asked for when it is supported, or with the latest of ours.',
      LIFECYCLE,
      cite.headers('initialize is answered with the version asked for, or our latest legacy one'),
    ],
    [
      'N1-unsupported',
      'A later request with an unsupported MCP-Protocol-Version is 400.',
      VERSION_HEADER,
      cite.hostileProtocol(
        'sessions > an unsupported protocol version is 400, with those that are supported',
      ),
    ],
    [
      'N1-assumed',
      'Without the header the version of the session holds; a message that no header and no session places is of the legacy era.',
      VERSION_HEADER,
      cite.headers('the era of a message with %s'),
    ],
    [
      'N1-upstream',
      'Towards a server the gateway speaks the revision the server chose, and refuses one it does not know.',
      LIFECYCLE,
      [
        ...cite.stdio('an older revision is spoken, an unknown one is refused'),
        ...cite.http('a server that chooses an unknown revision is refused'),
      ],
    ],
    [
      'N4-not-found',
      'An unknown resource is the error of the era of the client, whichever era its server speaks.',
      '2026-07-28 server/resources#error-handling',
      cite.bridge(
        'a %s client of a server of the other era > gets the error %d on resources/read as %d',
      ),
    ],
  ]),
  ...rows('modern', [
    [
      'N2-unknown-version',
      'An unknown version is 400 and -32022 with what is supported and what was asked for.',
      VERSIONING,
      [
        ...cite.hostileProtocol(
          'the eras > a modern version nobody knows is -32022 with what is supported',
        ),
        ...cite.probes('a client > unknown version'),
      ],
    ],
    [
      'N2-missing-meta',
      'A request without a required member of _meta is 400 and -32602.',
      '2026-07-28 basic/index#meta',
      cite.headers('a request without %s is refused as invalid params'),
    ],
    [
      'N2-unknown-method',
      'An unknown method is 404 and -32601.',
      '2026-07-28 basic/transports/streamable-http',
      cite.probes('a client > unknown method'),
    ],
    [
      'N3-probe',
      'The era of a server is found by server/discover: the body of a 400 decides, over stdio any error that is not modern, or silence.',
      COMPATIBLE,
      [
        ...cite.eras(
          'over Streamable HTTP > a probe that is answered with %s: the modern link is %s',
          'over stdio > a modern-only server that starts too slowly for the first probe is still found modern',
        ),
        ...cite.stdio('a server that is slower than the probe, and mute to it, is legacy'),
      ],
    ],
    [
      'N3-evidence-expires',
      'What was found is kept, and looked for again when it is old.',
      COMPATIBLE,
      cite.lane(
        'an era that is absent is asked for again only after its evidence is old',
        'an era that is absent is looked for again when the evidence is old, if that is wanted',
      ),
    ],
    [
      'N3-no-evidence',
      '401, 403 and 5xx are no evidence of an era.',
      COMPATIBLE,
      cite.http('a server that answers everything with %s is down in both eras, of neither'),
    ],
    [
      'N4-result-type',
      'Every result has resultType, lists and reads have ttlMs and cacheScope, also when the server is of the legacy era.',
      '2026-07-28 basic/index#results, SEP-2549',
      cite.bridge(
        'a %s client of a server of the other era > calls: the result comes as it was, with what its own era wants',
        'a %s client of a server of the other era > reads and gets prompts',
        'a %s client of a server of the other era > sees its tools, prompts, resources and templates with all that they say',
      ),
    ],
    [
      'N4-log-level',
      'The level of a legacy client is the logLevel of a request to a modern server, and the reverse.',
      '2026-07-28 server/utilities/logging',
      cite.bridge(
        'a legacy client of a modern server > asks for logs with each request, at the level it has set',
        'a modern client of a legacy server > gets logs at the level it asks for, and none when it does not',
      ),
    ],
    [
      'N4-own-hop',
      'A -32021 of a server describes the hop between gateway and server: it is translated, not relayed.',
      '2026-07-28 basic/index#errors',
      cite.bridge(
        'a %s client of a server of the other era > gets the error %d on tools/call as %d',
      ),
    ],
  ]),
  ...rows('both', [
    [
      'N3-one-endpoint',
      'One endpoint serves both eras at once: modern _meta is stateless, initialize opens a session.',
      COMPATIBLE,
      [
        ...cite.headers('the era of a message with %s'),
        ...cite.clients('%s > sees through the gateway what it sees of the server itself'),
      ],
    ],
    [
      'N3-independent',
      'The version towards a client and the version towards a server are independent.',
      COMPATIBLE,
      cite.completion('a client of the %s era completes at a server of the %s era'),
    ],
    [
      'N4-subscriptions',
      'resources/subscribe and the GET stream of one era are subscriptions/listen of the other.',
      '2026-07-28 basic/patterns/subscriptions',
      cite.listen(
        'subscriptions/listen > what only %s of the other era tells of is followed there, whichever era the client has',
      ),
    ],
    [
      'N5-served',
      'What is advertised is served: what has no fired point is not offered, and is answered -32601.',
      '2025-11-25 basic/lifecycle#capability-negotiation',
      cite.messages(
        'in the %s era > what has no fired point is not advertised',
        'in the %s era > %s has no fired point: it is answered -32601 and never reaches a server',
      ),
    ],
    [
      'N5-declared',
      'A server is told only what the current client declared, as far as policies leave it.',
      '2026-07-28 basic/index#client-capabilities',
      [
        ...cite.sessionPoints(
          'session_pre_open in the modern era > decides which capabilities the server is told of',
        ),
      ],
    ],
    [
      'N5-updates',
      'Updates of resources are offered only where a server tells of them.',
      '2025-11-25 server/resources#capabilities',
      [
        ...cite.subscribe(
          'resources/subscribe > is advertised where a server tells of updates, in both eras',
        ),
        ...cite.listen(
          'subscriptions/listen > is advertised: changes of lists, and updates where a server tells of them',
        ),
      ],
    ],
  ]),
]
