// Sessions and streams of the legacy era; streams, subscriptions and headers of the modern one.
import { cite, rows, type WireRequirement } from './requirement.ts'

const SESSIONS = '2025-11-25 basic/transports#session-management'
const SENDING = '2025-11-25 basic/transports#sending-messages-to-the-server'
const RESUMPTION = '2025-11-25 basic/transports#resumability-and-redelivery'
const STREAMABLE = '2026-07-28 basic/transports/streamable-http'
const SUBSCRIPTIONS = '2026-07-28 basic/patterns/subscriptions'

export const STREAMS: readonly WireRequirement[] = [
  ...rows('legacy', [
    [
      'S1-own-id',
      'The session id is made by the gateway, visible ASCII, and its principal’s own; ids of servers stay behind.',
      SESSIONS,
      [
        ...cite.session('a session is its principal’s own: for anybody else it does not exist'),
        ...cite.hostileProtocol(
          'odd, but not wrong > a client that says strange things about itself gets a session all the same',
        ),
        ...cite.wire(
          'in the %s era > the client’s Authorization, cookies and session never reach the server',
        ),
      ],
    ],
    [
      'S1-missing',
      'No session is 400, an unknown or ended one 404.',
      SESSIONS,
      cite.hostileProtocol('sessions > none is 400, an unknown one 404, an ended one 404'),
    ],
    [
      'S1-delete',
      'The end of a session aborts its calls, at the servers, too; the gateway ends its own sessions there.',
      SESSIONS,
      [
        ...cite.sessionPoints(
          'sessions of the legacy era > ending a session aborts its calls in flight, at the server, too',
        ),
        ...cite.http('a session is opened, kept in every header, and ended with DELETE'),
      ],
    ],
    [
      'S1-lost',
      'A session that the server has lost is opened again once, and its calls are answered.',
      SESSIONS,
      cite.http(
        'a session the server has lost (%s) is opened again once, and every call gets its answer',
      ),
    ],
    [
      'S2-202',
      'Notifications and responses are answered 202 without a body.',
      SENDING,
      [
        ...cite.hostileProtocol(
          'odd, but not wrong > an answer to a request nobody made is taken and gone; without a session it is refused',
        ),
      ],
    ],
    [
      'S2-stream',
      'A request is answered as JSON or as an event stream, as the client takes it.',
      SENDING,
      cite.hostileProtocol(
        'odd, but not wrong > an answer in many lines is one event for a client that wants a stream',
      ),
    ],
    [
      'S2-one-stream',
      'A message goes to exactly one stream: what belongs to a call to that of the call, all else to that of the session.',
      '2025-11-25 basic/transports#multiple-connections',
      [
        ...cite.resumption(
          'a stream that is taken up gets what was its own, and nothing of another',
        ),
      ],
    ],
    [
      'S2-disconnect',
      'A disconnection is no cancellation; notifications/cancelled is.',
      SENDING,
      cite.hostileProtocol(
        'a client that goes away in the middle of a call > legacy: disconnecting does not cancel, notifications/cancelled does',
      ),
    ],
    [
      'S3-take-up',
      'A stream is taken up by GET with Last-Event-ID, after the last event, live to its end.',
      RESUMPTION,
      cite.resumption(
        'a call whose connection broke > goes on, and its stream is taken up after the last event, live to the end',
        'a call whose connection broke > has its answer wait until the client comes back',
      ),
    ],
    [
      'S3-ids',
      'Event ids are unique in the session and tell the stream; one of another session is refused.',
      RESUMPTION,
      cite.resumption(
        'a stream of 2025-11-25 > gives each event an id that no other stream of the session has',
        'Last-Event-ID > of another session, even of the same client, is refused',
      ),
    ],
    [
      'S3-priming',
      'A stream begins with an empty event that has an id and says when to come back.',
      `${RESUMPTION}, SEP-1699`,
      cite.resumption(
        'a stream of 2025-11-25 > begins with an empty event that has an id and says when to come back, POST and GET alike',
      ),
    ],
    [
      'S3-polled',
      'A server that closes a stream to be polled is polled, no sooner than it said.',
      `${RESUMPTION}, SEP-1699`,
      cite.http('a stream that the server closes to be polled is taken up again'),
    ],
    [
      'S3-pieces',
      'A reply in pieces, with an empty first event, comments, or without an event name is understood.',
      `${RESUMPTION}, SEP-1699`,
      [
        ...cite.http(
          'a stream that comes in pieces, with comments and an empty first event, is understood',
        ),
        ...cite.stream(
          'the priming event of a resumable stream is told with its id and its empty data',
        ),
      ],
    ],
  ]),
  ...rows('modern', [
    [
      'M1-close',
      'Closing the response gives the call up at the server, and nothing is sent after.',
      STREAMABLE,
      [
        ...cite.hostileProtocol(
          'a client that goes away in the middle of a call > modern: the request to the server is given up',
        ),
        ...cite.eras(
          'over Streamable HTTP > a call that is given up closes its stream and sends nothing else',
        ),
      ],
    ],
    [
      'M1-no-get',
      'GET and DELETE are 405 with Allow: POST.',
      STREAMABLE,
      cite.hostileProtocol('the eras > GET and DELETE of the modern era are 405 with Allow: POST'),
    ],
    [
      'M1-last-event',
      'Last-Event-ID means nothing.',
      STREAMABLE,
      cite.resumption(
        'Last-Event-ID > means nothing in the modern era, whose clients cannot come back',
      ),
    ],
    [
      'M2-acknowledged',
      'A subscription is acknowledged first, with what is granted only, under the id of its request.',
      SUBSCRIPTIONS,
      cite.listen(
        'subscriptions/listen > is acknowledged first, under the request id %s, with what is granted only',
      ),
    ],
    [
      'M2-fan-in',
      'It tells of the changes of every server, and of nothing that was not asked for.',
      SUBSCRIPTIONS,
      cite.listen(
        'subscriptions/listen > changes of lists come from servers of either era, each under the id, and only what was asked for',
      ),
    ],
    [
      'M2-end',
      'It ends with a result when the gateway ends it.',
      SUBSCRIPTIONS,
      cite.listen(
        'subscriptions/listen > ends with a result when the gateway drains, and none is begun after it',
      ),
    ],
    [
      'M2-keep-alive',
      'A silent stream is kept alive by comments.',
      STREAMABLE,
      cite.listen('subscriptions/listen > is kept alive by comments'),
    ],
    [
      'M3-mismatch',
      'Headers that do not say what the body says are 400 and -32020.',
      `${STREAMABLE}, SEP-2243`,
      [
        ...cite.hostileProtocol('the eras > %s is 400'),
        ...cite.probes('a client > header/body mismatch'),
        ...cite.headers('a request is refused as a mismatch when %s'),
      ],
    ],
    [
      'M3-encoding',
      'Wrapped values are decoded, integers are compared as numbers, beyond 2^53 by their digits.',
      'SEP-2243',
      cite.headers(
        '%s travels as %s and comes back',
        'arguments %s and headers %s agree: %s',
        'an argument beyond 2^53 is compared by its digits',
      ),
    ],
    [
      'M3-rebuilt',
      'Headers are rebuilt after a rename or a change of arguments.',
      'SEP-2243',
      [
        ...cite.wire(
          'in the %s era > a rename changes name in the body, and the headers say the new one',
        ),
        ...cite.attackPolicy(
          'a header that repeats an argument > goes with the old value when a policy changed %s',
        ),
        ...cite.eras(
          'over Streamable HTTP > the headers say what the message says after its edits, with the parameters the schema asks for',
        ),
      ],
    ],
    [
      'M3-unfit',
      'A tool whose x-mcp-header is against the rules is left out.',
      'SEP-2243',
      cite.headers('a schema that declares a header on %s is unfit'),
    ],
    [
      'M3-foreign',
      'A parameter header that no schema declares injects nothing.',
      'SEP-2243',
      cite.attackHeaders('a parameter header of raw bytes ends in an answer and injects nothing'),
    ],
  ]),
]
