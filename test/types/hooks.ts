// Checked by tsc, never run: what follows from the name of a point, and what must not compile.
import {
  ask,
  definePlugin,
  deny,
  type HandlerAt,
  type Hooks,
  patch,
  respond,
} from 'portcullis/plugin'

const no = { code: 'NO', reason: 'no' }

definePlugin({
  id: 'infers',
  setup: () => ({
    hooks: {
      tool_pre_invoke(payload, context) {
        const server: string = payload.server
        const name: string = payload.name
        const roles: readonly string[] = context.principal.roles
        if (payload.arguments?.amount > 10) return deny(no)
        // @ts-expect-error a payload is read-only
        payload.name = 'x'
        // @ts-expect-error there is no such field
        payload.nonsense
        // @ts-expect-error a context is read-only
        context.round = 1
        context.addLabel(`${server}:${name}:${roles.length}`, 'session')
        return patch({
          arguments: { ...payload.arguments, checked: true },
          headers: { 'x-a': 'b' },
        })
      },
      async tool_post_invoke(payload) {
        if (payload.error) return patch({ error: { message: 'hidden' } })
        const first: string | undefined = payload.result?.content[0]?.type
        return first === 'text'
          ? patch({ content: [{ type: 'text', text: 'x' }], isError: true })
          : undefined
      },
      prompt_pre_fetch: () => ask({ message: 'sure?' }),
      resource_pre_fetch: () => respond({ contents: [{ uri: 'x://y', text: 'z' }] }),
      tool_post_list: ({ items }) =>
        patch({ items: items.filter(({ server }) => server !== 'hidden') }),
      http_pre_request: () => respond({ status: 204 }),
      error_raised: ({ code }) => void code.length,
      session_pre_open: () => deny({ ...no, httpStatus: 429, httpHeaders: { 'retry-after': '1' } }),
    },
    close() {},
  }),
})

definePlugin({ id: 'declines', setup: () => false })
definePlugin({ id: 'late', setup: async () => ({ hooks: { tool_pre_invoke: async () => {} } }) })
definePlugin<{ readonly max: number }>({
  id: 'configured',
  setup: ({ max }) => ({ hooks: { tool_pre_invoke: () => (max > 1 ? deny(no) : undefined) } }),
})

// @ts-expect-error a typo in the name of a point
const typo: Hooks = { tool_pre_invok: () => {} }

// @ts-expect-error a field that is not writable
const unwritable: HandlerAt<'tool_pre_invoke'> = () => patch({ exposedName: 'x' })

// @ts-expect-error a field that does not exist
const unknown: HandlerAt<'tool_pre_invoke'> = () => patch({ nonsense: 1 })

// @ts-expect-error a field that does not exist beside one that does
const besides: HandlerAt<'tool_pre_invoke'> = () => patch({ name: 'x', nonsense: 1 })

// @ts-expect-error a writable field with the wrong type
const wrongType: HandlerAt<'tool_pre_invoke'> = () => patch({ name: 1 })

// @ts-expect-error a field of another point
const otherPoint: HandlerAt<'tool_post_invoke'> = () => patch({ arguments: {} })

// @ts-expect-error the code of an error stays what it was
const code: HandlerAt<'tool_post_invoke'> = () => patch({ error: { code: 1 } })

// @ts-expect-error nothing is writable here
const nothing: HandlerAt<'config_pre_reload'> = () => patch({ file: 'x' })

// @ts-expect-error nothing is writable at a point that only tells
const told: HandlerAt<'error_raised'> = () => patch({ code: 'x' })

// @ts-expect-error a post-point cannot be answered
const noShort: HandlerAt<'tool_post_invoke'> = () => respond({ content: [] })

// @ts-expect-error an answer with the wrong shape
const wrongAnswer: HandlerAt<'tool_pre_invoke'> = () => respond({ text: 'x' })

// @ts-expect-error nobody is asked after the fact
const askedLate: HandlerAt<'tool_post_invoke'> = () => ask({ message: 'x' })

// @ts-expect-error nobody is asked before a session
const askedEarly: HandlerAt<'session_pre_open'> = () => ask({ message: 'x' })

// @ts-expect-error a point that only tells cannot be denied
const untold: HandlerAt<'error_raised'> = () => deny(no)

// @ts-expect-error also from a promise
const promised: HandlerAt<'error_raised'> = async () => deny(no)

// @ts-expect-error a violation has a reason
deny({ code: 'NO' })

// @ts-expect-error null is no verdict
const empty: HandlerAt<'tool_pre_invoke'> = () => null

// @ts-expect-error a foreign object is no verdict
const foreign: HandlerAt<'tool_pre_invoke'> = () => ({ kind: 'deny', value: no })

export const refused: unknown[] = [
  typo, unwritable, unknown, besides, wrongType, otherPoint, code, nothing, told, noShort, wrongAnswer, askedLate, askedEarly, untold,
  promised, empty, foreign,
] // biome-ignore format: a list
