// Plugins that count every point they are bound to, and plugins that deny, answer and throw when the client's name says so.
import {
  ask,
  deny,
  type HandlerAt,
  type Hooks,
  type PluginContext,
  type PointName,
  respond,
} from '../../../src/plugin.ts'
import type { CodeEntry } from '../../gateway/running.ts'
import { COUNTED } from './expected.ts'

export interface Fired {
  readonly point: PointName
  readonly by: 'chain' | 'audit'
  readonly generation: number
  readonly surface: string
}

export interface Counter {
  readonly entries: readonly CodeEntry[]
  readonly fired: Fired[]
  /** What is held at http_pre_request until `release`, when the request says so. */
  readonly hold: { waiting: (() => void) | undefined; arrived: (() => void) | undefined }
  reset(): void
}

/** First in every chain, and as an observer: both must count the same. */
export function createCounter(): Counter {
  const fired: Fired[] = []
  const hold: Counter['hold'] = { waiting: undefined, arrived: undefined }
  const count = (by: Fired['by']): Hooks =>
    Object.fromEntries(
      COUNTED.map((point) => [
        point,
        (_payload: unknown, { generation, surface }: PluginContext) => {
          fired.push({ point, by, generation, surface })
        },
      ]),
    )
  const held: HandlerAt<'http_pre_request'> = (payload) =>
    payload.headers['x-hold'] === undefined
      ? undefined
      : new Promise((resolve) => {
          hold.waiting = () => resolve(undefined)
          hold.arrived?.()
        })
  return {
    fired,
    hold,
    entries: [
      { name: 'count-chain', hooks: count('chain'), priority: -1000 },
      { name: 'hold', hooks: { http_pre_request: held }, priority: -999 },
      { name: 'count-audit', hooks: count('audit'), mode: 'audit' },
    ],
    reset: () => void fired.splice(0),
  }
}

const named = (name: string, { client }: PluginContext) => client?.name.split('#')[0] === name
const no = (code: string) => deny({ code, reason: 'the matrix says so' })
const text = { content: [{ type: 'text', text: 'answered' }] }

const vetoes = (mode: string): CodeEntry => ({
  name: `veto-${mode}`,
  mode,
  hooks: { tool_pre_invoke: (_, ctx) => (named(`veto-${mode}`, ctx) ? no('VETO') : undefined) },
})

const by = <K extends PointName>(name: string, point: K, verdict: () => ReturnType<HandlerAt<K>>) =>
  ({
    name: `${name}-${point.replaceAll('_', '-')}`,
    hooks: {
      [point]: (_: unknown, ctx: PluginContext) => (named(name, ctx) ? verdict() : undefined),
    },
  }) as CodeEntry

const throws = () => {
  throw new Error('on purpose')
}

/** One entry per trigger; http points are told by a header, because nobody has read the body yet. */
export const TRIGGERED: readonly CodeEntry[] = [
  vetoes('enforce'),
  vetoes('permissive'),
  vetoes('guard'),
  vetoes('audit'),
  vetoes('background'),
  {
    name: 'http',
    hooks: {
      http_pre_request({ headers }, ctx) {
        const trigger = headers['x-trigger']
        // the state of a request is written at pre and read at post
        ctx.state.trigger = trigger
        if (trigger === 'veto-http') return no('VETO')
        if (trigger !== 'answer-http') return undefined
        return respond({ status: 200, body: { answered: true } })
      },
      http_post_request: (_, { state }) =>
        state.trigger === 'veto-http-post' ? no('VETO') : undefined,
    },
  },
  by('veto-session', 'session_pre_open', () => no('VETO')),
  by('veto-tool-post', 'tool_post_invoke', () => no('VETO')),
  by('veto-list', 'tool_post_list', () => no('VETO')),
  by('veto-auth', 'auth_pre_check', () => no('VETO')),
  by('veto-auth-post', 'auth_post_check', () => no('VETO')),
  by('veto-item', 'auth_pre_check', () => respond({ denied: [0] })),
  by('veto-prompt', 'prompt_pre_fetch', () => no('VETO')),
  by('veto-resource', 'resource_pre_fetch', () => no('VETO')),
  by('veto-argument', 'argument_pre_complete', () => no('VETO')),
  by('veto-values', 'argument_post_complete', () => no('VETO')),
  by('veto-subscribe', 'resource_pre_subscribe', () => no('VETO')),
  by('answer-argument', 'argument_pre_complete', () => respond({ values: ['answered'] })),
  by('veto-notification', 'notification_pre_forward', () => no('VETO')),
  by('veto-stream-open', 'stream_pre_open', () => no('VETO')),
  by('veto-stream-message', 'stream_message', () => no('VETO')),
  by('veto-stream-close', 'stream_pre_close', () => no('VETO')),
  by('answer', 'tool_pre_invoke', () => respond(text)),
  {
    ...by('answer-vetoed', 'tool_pre_invoke', () => respond(text)),
    name: 'answer-then',
    priority: 10,
  },
  { ...by('answer-vetoed', 'tool_pre_invoke', () => no('VETO')), name: 'veto-then', priority: 50 },
  by('fault-pre', 'tool_pre_invoke', throws),
  by('fault-post', 'tool_post_invoke', throws),
  by('veto-sample', 'completion_pre_request', () => no('VETO')),
  by('veto-sample-post', 'completion_post_response', () => no('VETO')),
  by('veto-elicit', 'elicitation_pre_create', () => no('VETO')),
  by('veto-elicit-post', 'elicitation_post_response', () => no('VETO')),
  by('veto-roots', 'roots_post_list', () => no('VETO')),
  by('confirm', 'tool_pre_invoke', () => ask({ message: 'the matrix asks' })),
  { ...by('fault-ignored', 'tool_pre_invoke', throws), more: { on_error: 'ignore' } },
]
