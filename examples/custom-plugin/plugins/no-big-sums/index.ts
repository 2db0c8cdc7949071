// Refuses sums above a limit before the call; after it, says how much was left below the limit.
import { definePlugin, deny, patch } from 'portcullis/plugin'

interface Config {
  readonly max: number
}

export default definePlugin<Config>({
  id: 'no-big-sums',
  setup({ max }, host) {
    return {
      hooks: {
        tool_pre_invoke({ arguments: given }, context) {
          const { a, b } = given ?? {}
          // what cannot be judged is refused: a text such as "99" may be a number to the server
          if (typeof a !== 'number' || typeof b !== 'number')
            return deny({ code: 'NO_NUMBERS', reason: 'a and b must be numbers' })
          if (a + b > max) {
            host.metrics.count('too_big')
            return deny({ code: 'SUM_TOO_BIG', reason: `the sum is above ${max}` })
          }
          context.state.left = max - (a + b)
          return undefined
        },
        tool_post_invoke({ result }, context) {
          if (result === undefined) return undefined
          const note = { type: 'text', text: `${context.state.left} below the limit` }
          return patch({ content: [...result.content, note] })
        },
      },
    }
  },
})
