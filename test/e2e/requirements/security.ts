// HTTP and security: who may ask, what a bad request is answered, and what never crosses.
import { cite, rows, type WireRequirement } from './requirement.ts'

const WARNING = '2025-11-25 basic/transports#security-warning'
const JSON_RPC = 'JSON-RPC 2.0 section 5.1'

export const SECURITY: readonly WireRequirement[] = [
  ...rows('both', [
    [
      'H1-origin',
      'A foreign Origin, null included, is 403; that of the endpoint itself is accepted.',
      WARNING,
      [
        ...cite.probes('a client > foreign Origin', 'a client > Origin: null'),
        ...cite.hostileHttp('HTTP itself > the origin of the endpoint itself is accepted'),
      ],
    ],
    [
      'H1-host',
      'A foreign Host, two of them, or none are refused.',
      WARNING,
      [
        ...cite.probes('a client > foreign Host', 'a client > two Host headers'),
        ...cite.hostileHttp('HTTP itself > no Host header is refused'),
      ],
    ],
    [
      'H1-loopback',
      'The gateway listens on the loopback address unless it is told otherwise, and warns when others can reach it.',
      WARNING,
      cite.load(
        'a configuration > has every default in place, durations in milliseconds and sizes in bytes',
        'a configuration > that listens where others can reach it is warned about while clients need no credentials',
      ),
    ],
    [
      'H2-json',
      'Whatever is sent, the answer is JSON, never HTML, and quotes no secret.',
      JSON_RPC,
      [
        ...cite.hostileHttp(
          'whatever bytes are changed, the answer is JSON of a known status, and it names no secret',
          'HTTP itself > %s is answered with problem+json',
          'HTTP itself > %s is 404 with problem+json, never HTML',
        ),
        ...cite.message('a syntax error quotes nothing of the body'),
      ],
    ],
    [
      'H2-bad-json',
      'Bad JSON is 400 and -32700.',
      JSON_RPC,
      [
        ...cite.probes('a client > bad JSON'),
        ...cite.fuzz(
          'the target %s > breaks no property, is accepted often enough and reaches its branches',
        ),
      ],
    ],
    [
      'H2-array',
      'An array is 400 in every revision but 2025-03-26; an empty one always.',
      '2025-06-18 changelog (batching removed)',
      cite.probes('a client > empty batch', 'a client > batch in a revision without'),
    ],
    [
      'H2-batch',
      'In 2025-03-26 a batch is answered with one array.',
      '2025-03-26 basic/index#batching',
      cite.batch('a batch > is answered with one array, in its order, each by its id'),
    ],
    [
      'H2-media',
      'Another content type is 415, an Accept without us 406.',
      '2025-11-25 basic/transports#sending-messages-to-the-server',
      cite.probes(
        'a client > wrong content type',
        'a client > no Accept',
        'a client > no Accept for us',
      ),
    ],
    [
      'H2-size',
      'Too large is 413, too deep 400, before anything is built.',
      'RFC 9110 section 15.5.14',
      [
        ...cite.probes('a client > 12 MB body', 'a client > 200,000-deep nesting in 400 kB'),
        ...cite.scan('nesting is limited before anything is built'),
      ],
    ],
    [
      'H2-prototype',
      'Members named __proto__ and constructor are data.',
      'RFC 8259 section 4',
      cite.probes('a client > __proto__ as a key', 'a client > constructor as a key'),
    ],
    [
      'H2-readers',
      'What two readers could read differently is refused.',
      'RFC 8259 section 4',
      cite.wire(
        'in the %s era > duplicate members %s are refused with -32700 and never reach the server',
        'in the %s era > case variants %s are refused with -32700',
      ),
    ],
    [
      'H2-slow',
      'Headers or a body that do not come are 408; headers that are too large 431.',
      'RFC 9110 section 15.5.9',
      cite.probes('a client > slow header', 'a client > slow body', 'a client > oversize header'),
    ],
    [
      'H2-limits',
      'Sessions and their streams are bounded.',
      '2025-11-25 basic/security_best_practices',
      cite.hostileProtocol(
        'sessions > more sessions than the limit are 503, told as an error, and ending one makes room',
        'sessions > more streams than the limit are 409, and closing one makes room',
      ),
    ],
    [
      'H3-metadata',
      'Protected resource metadata is served at both well-known places, and a 401 names it.',
      '2025-11-25 basic/authorization, RFC 9728',
      cite.authenticate(
        'protected resource metadata > is at %s, for everybody',
        'without credentials where they are needed, and with wrong ones > %s is 401 with WWW-Authenticate, unread',
        'without credentials where they are needed, and with wrong ones > mounted in Express it is the same',
      ),
    ],
    [
      'H3-token',
      'A token counts for its audience, issuer and time only; too little scope is 403 with all that is needed.',
      '2025-11-25 basic/authorization, RFC 8707',
      [
        ...cite.oauth('a token > %s is refused', 'a token that is right > %s gets in'),
        ...cite.identity(
          'in the %s era > a token without the scope of a call is told which would do',
          'a token for another audience does not get in',
        ),
        ...cite.authenticate(
          'credentials that cannot be trusted to be read alike > %s is refused',
          'without credentials where they are needed, and with wrong ones > a token that lacks what every token must have is 403 with what it needs',
        ),
      ],
    ],
    [
      'H4-passthrough',
      'No header of a client reaches a server: no token, no cookie, no session.',
      '2025-11-25 basic/authorization#access-token-privilege-restriction',
      [
        ...cite.authenticate(
          'in the %s era > the server is never shown the credentials of the client',
        ),
        ...cite.attackHeaders('no header of a client reaches a server, in the %s era'),
        ...cite.wire(
          'in the %s era > the client’s Authorization, cookies and session never reach the server',
        ),
      ],
    ],
    [
      'H5-client',
      'As an OAuth client: discovery, resource, PKCE, iss, step-up with a limit, guarded URLs.',
      '2025-11-25 basic/authorization, basic/security_best_practices',
      [],
      'the gateway as an OAuth client',
    ],
    [
      'H6-no-shell',
      'Servers over stdio are started without a shell, with a minimal environment, from the configuration only.',
      '2025-11-25 basic/security_best_practices#local-mcp-server-compromise',
      cite.guard(
        'a server sees the minimal environment and what is configured, nothing else of the gateway',
      ),
    ],
    [
      'H6-kill',
      'They and all they started end with the gateway, however it ends.',
      '2025-11-25 basic/lifecycle#shutdown',
      cite.guard(
        'no server survives a gateway that dies by %s, whatever it ignores',
        'a closed server takes its whole tree with it, also one that ignores the end of its input and SIGTERM',
      ),
    ],
    [
      'H6-framing',
      'A message is one line; what is no message is passed over; what is too large fails its own call.',
      '2025-11-25 basic/transports#stdio',
      cite.stdio(
        'a pretty-printed message with line breaks in it reaches the server as one line',
        'lines that are no messages are passed over',
        'an answer above limits.response fails its own call only (%s)',
      ),
    ],
    [
      'H6-upstream',
      'A server that answers garbage, twice, never, or floods fails its own calls only.',
      '2025-11-25 basic/security_best_practices',
      cite.probes(
        'an upstream > answers garbage',
        'an upstream > never answers',
        'an upstream > answers twice',
        'an upstream > floods',
        'an upstream > floods and never answers',
      ),
    ],
  ]),
]
