// What a client can do at the gateway and how it can end, as data: one row per row of the coverage matrix. Nothing is sent here.

/** What is sent. */
export type Action =
  | 'open'
  | 'list-tools'
  | 'list-prompts'
  | 'list-resources'
  | 'list-templates'
  | 'call'
  | 'call-progress'
  | 'call-failing'
  | 'call-down'
  | 'call-unknown'
  | 'get-prompt'
  | 'get-prompt-wrong'
  | 'read-resource'
  | 'read-resource-wrong'
  | 'complete'
  | 'complete-unknown'
  | 'subscribe'
  | 'unsubscribe'
  | 'listen'
  | 'ping'
  | 'set-level'
  | 'notify'
  | 'unknown-method'
  | 'stream'
  | 'stream-end'
  | 'stream-reload'
  | 'resume'
  | 'resume-call'
  | 'announce'
  | 'update'
  | 'end'
  | 'not-json'
  | 'duplicate-member'
  | 'bad-host'
  | 'ask'
  | 'confirm'

/** What a plugin of the test does when the client, or for http points a header, names it. */
export type Trigger =
  | 'veto-enforce'
  | 'veto-permissive'
  | 'veto-guard'
  | 'veto-audit'
  | 'veto-background'
  | 'veto-http'
  | 'veto-http-post'
  | 'veto-session'
  | 'veto-tool-post'
  | 'veto-list'
  | 'veto-auth'
  | 'veto-auth-post'
  | 'veto-item'
  | 'veto-prompt'
  | 'veto-resource'
  | 'veto-argument'
  | 'veto-values'
  | 'veto-subscribe'
  | 'veto-notification'
  | 'veto-stream-open'
  | 'veto-stream-message'
  | 'veto-stream-close'
  | 'answer'
  | 'answer-argument'
  | 'answer-http'
  | 'answer-vetoed'
  | 'fault-pre'
  | 'fault-post'
  | 'fault-ignored'
  | 'veto-sample'
  | 'veto-sample-post'
  | 'veto-elicit'
  | 'veto-elicit-post'
  | 'veto-roots'
  | 'confirm'

export interface Operation {
  readonly id: string
  readonly title: string
  readonly action: Action
  readonly trigger?: Trigger
  /** The client has been seen by this generation within the last 60 s. */
  readonly known?: true
  /** What the server asks its client before it answers, round by round, and of which era that server is. */
  readonly asks?: { readonly server: 'legacy' | 'modern'; readonly rounds: readonly Kind[] }
  /** The person says no. */
  readonly declined?: true
}

const row = (id: string, title: string, action: Action, trigger?: Trigger): Operation => ({
  id,
  title,
  action,
  ...(trigger ? { trigger } : {}),
})

/** What a server asks. */
export type Kind = 'sample' | 'elicit' | 'roots'

const WORDS: Readonly<Record<Kind, string>> = {
  sample: 'samples',
  elicit: 'elicits',
  roots: 'lists roots',
}

/** A call whose server, of either era, asks its client first. */
const asking = (rounds: readonly Kind[], how = '', trigger?: Trigger): Operation[] =>
  (['legacy', 'modern'] as const).map((server) => {
    const what = rounds.map((kind) => WORDS[kind]).join(', then ')
    const title = `tools/call, its server of the ${server} era ${what}${how}`
    const id = `ask-${server}-${rounds.join('-')}${trigger ? `-${trigger}` : ''}`
    return { ...row(id, title, 'ask', trigger), asks: { server, rounds } }
  })

export const OPERATIONS: readonly Operation[] = [
  row('open', 'initialize / server/discover', 'open'),
  row('list-tools', 'tools/list', 'list-tools'),
  { ...row('list-again', 'tools/list of a known client', 'list-tools'), known: true },
  row('list-prompts', 'prompts/list', 'list-prompts'),
  row('list-resources', 'resources/list', 'list-resources'),
  row('list-templates', 'resources/templates/list', 'list-templates'),
  row('call', 'tools/call', 'call'),
  row('get-prompt', 'prompts/get', 'get-prompt'),
  row('read-resource', 'resources/read', 'read-resource'),
  row('complete', 'completion/complete', 'complete'),
  row('subscribe', 'resources/subscribe', 'subscribe'),
  row('unsubscribe', 'resources/unsubscribe', 'unsubscribe'),
  row('listen', 'subscriptions/listen for lists and one resource', 'listen'),
  row('ping', 'ping', 'ping'),
  row('set-level', 'logging/setLevel', 'set-level'),
  row('notify', 'notification of the client', 'notify'),
  row('progress', 'tools/call with three progress notifications', 'call-progress'),
  row('stream', 'GET stream', 'stream'),
  row('stream-end', 'GET stream, and DELETE of its session', 'stream-end'),
  row('stream-reload', 'reload under an open GET stream', 'stream-reload'),
  row('resume', 'GET stream, broken and taken up again', 'resume'),
  row(
    'resume-call',
    'tools/call with three progress notifications, broken and taken up again',
    'resume-call',
  ),
  row('announce', 'list_changed of a server, to an open GET stream or subscription', 'announce'),
  row('update', 'resources/updated of a server, to who follows the resource', 'update'),
  row('end', 'DELETE of the session', 'end'),
  row('unknown-method', 'unknown method', 'unknown-method'),
  row('unknown-ref', 'completion/complete of an unknown prompt', 'complete-unknown'),
  row('unknown-tool', 'tools/call of an unknown tool', 'call-unknown'),
  row('not-json', 'a body that is no JSON', 'not-json'),
  row('duplicate', 'a body with a duplicate member', 'duplicate-member'),
  row('bad-host', 'a foreign Host header', 'bad-host'),
  row('deny-enforce', 'tools/call, denied by enforce', 'call', 'veto-enforce'),
  row('deny-permissive', 'tools/call, denied by permissive', 'call', 'veto-permissive'),
  row('deny-guard', 'tools/call, denied by guard', 'call', 'veto-guard'),
  row('deny-audit', 'tools/call, denied by audit', 'call', 'veto-audit'),
  row('deny-background', 'tools/call, denied by background', 'call', 'veto-background'),
  row('deny-post', 'tools/call, denied at its post-point', 'call', 'veto-tool-post'),
  row('deny-http', 'tools/call, denied at http_pre_request', 'call', 'veto-http'),
  row('deny-http-post', 'tools/call, denied at http_post_request', 'call', 'veto-http-post'),
  row(
    'deny-session',
    'initialize / any request, denied at session_pre_open',
    'open',
    'veto-session',
  ),
  row('deny-list', 'tools/list, denied', 'list-tools', 'veto-list'),
  row('deny-auth', 'tools/call, denied at auth_pre_check', 'call', 'veto-auth'),
  row('deny-auth-post', 'tools/call, denied at auth_post_check', 'call', 'veto-auth-post'),
  row('deny-auth-list', 'tools/list, denied at auth_pre_check', 'list-tools', 'veto-auth'),
  row('deny-item', 'tools/list, one item denied at auth_pre_check', 'list-tools', 'veto-item'),
  row('deny-prompt', 'prompts/get, denied', 'get-prompt', 'veto-prompt'),
  row('deny-resource', 'resources/read, denied', 'read-resource', 'veto-resource'),
  row('deny-argument', 'completion/complete, denied', 'complete', 'veto-argument'),
  row('deny-values', 'completion/complete, denied at its post-point', 'complete', 'veto-values'),
  row('deny-subscribe', 'resources/subscribe, denied', 'subscribe', 'veto-subscribe'),
  row('deny-listen', 'subscriptions/listen, its filter denied', 'listen', 'veto-subscribe'),
  row('deny-notify', 'notification of the client, denied', 'notify', 'veto-notification'),
  row(
    'deny-stream-open',
    'tools/call, denied at stream_pre_open where its answer is a stream',
    'call',
    'veto-stream-open',
  ),
  row(
    'deny-stream-message',
    'tools/call with progress, denied at stream_message',
    'call-progress',
    'veto-stream-message',
  ),
  row(
    'deny-stream-close',
    'tools/call with progress, denied at stream_pre_close',
    'call-progress',
    'veto-stream-close',
  ),
  row('respond', 'tools/call, answered by a plugin', 'call', 'answer'),
  row(
    'respond-argument',
    'completion/complete, answered by a plugin',
    'complete',
    'answer-argument',
  ),
  row(
    'respond-denied',
    'tools/call, answered by a plugin, denied by a later one',
    'call',
    'answer-vetoed',
  ),
  row('respond-http', 'tools/call, answered at http_pre_request', 'call', 'answer-http'),
  row('tool-error', 'tools/call, the tool reports an error', 'call-failing'),
  row('prompt-error', 'prompts/get, the server answers an error', 'get-prompt-wrong'),
  row('resource-error', 'resources/read, the server answers an error', 'read-resource-wrong'),
  row('down', 'tools/call, the server breaks off', 'call-down'),
  row('fault-pre', 'tools/call, a plugin throws before', 'call', 'fault-pre'),
  row('fault-post', 'tools/call, a plugin throws after', 'call', 'fault-post'),
  row(
    'fault-ignored',
    'tools/call, a plugin throws and on_error is ignore',
    'call',
    'fault-ignored',
  ),
  ...asking(['sample']),
  ...asking(['elicit']),
  ...asking(['roots']),
  ...asking(['elicit', 'sample']),
  ...asking(['sample'], '; denied', 'veto-sample'),
  ...asking(['sample'], '; the answer is denied', 'veto-sample-post'),
  ...asking(['elicit'], '; denied', 'veto-elicit'),
  ...asking(['elicit'], '; the answer is denied', 'veto-elicit-post'),
  ...asking(['roots'], '; the answer is denied', 'veto-roots'),
  row('confirm', 'tools/call, a plugin asks and the person says yes', 'confirm', 'confirm'),
  {
    ...row(
      'confirm-declined',
      'tools/call, a plugin asks and the person says no',
      'confirm',
      'confirm',
    ),
    declined: true,
  },
]

/** What happens to the gateway itself; no client is involved. */
export interface SystemEvent {
  readonly id: string
  readonly title: string
}

export const SYSTEM_EVENTS: readonly SystemEvent[] = [
  { id: 'start', title: 'start' },
  { id: 'applied', title: 'reload, applied' },
  { id: 'unchanged', title: 'reload of the same file' },
  { id: 'invalid', title: 'reload of an invalid file' },
  { id: 'vetoed', title: 'reload, refused by a plugin' },
  { id: 'vetoed-load', title: 'reload, one of two entries refused by a plugin' },
  { id: 'shutdown', title: 'shutdown with two open sessions' },
  { id: 'sync-new', title: 'a server lists one thing of each kind, in both eras' },
  { id: 'sync-same', title: 'it lists the same again' },
  { id: 'sync-reload', title: 'it lists the same after a reload' },
  { id: 'sync-changed', title: 'it lists each with another definition' },
  { id: 'sync-vanished', title: 'it lists none of them' },
  { id: 'sync-vetoed', title: 'it lists each, and all are refused by a plugin' },
  { id: 'sync-broken', title: 'it lists each, and a plugin breaks at all of them' },
  { id: 'declared-new', title: 'reload, a server is declared' },
  { id: 'declared-changed', title: 'reload, it is declared otherwise' },
  { id: 'declared-gone', title: 'reload, it is declared no more' },
  { id: 'declared-start', title: 'start, one entity of each kind is declared' },
  { id: 'declared-all', title: 'reload, one entity of each kind is declared' },
  { id: 'declared-otherwise', title: 'reload, each of them is declared otherwise' },
  { id: 'declared-none', title: 'reload, none of them is declared any more' },
  { id: 'declared-quarantined', title: 'reload, a server is declared and refused by a plugin' },
  { id: 'declared-refused', title: 'reload, a role is declared and refused by a plugin' },
  { id: 'followed-new', title: 'a server, a role and a peer are created by another replica' },
  { id: 'written-new', title: 'a server, a role and a peer are created by the registry' },
  { id: 'written-changed', title: 'they are changed' },
  { id: 'written-gone', title: 'they are removed' },
]
