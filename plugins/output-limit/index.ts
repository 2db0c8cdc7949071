// Keeps results within a number of characters, bytes and items, by cutting what can be cut and refusing the rest.
import { definePlugin, deny, patch } from 'portcullis/plugin'
import { createBudget, cutItems, type Item, type Limits, measure } from './cut.ts'

interface Config {
  readonly max_chars?: number
  readonly max_bytes?: number
  readonly max_items?: number
  readonly action: 'truncate' | 'deny'
  readonly marker: string
}

export default definePlugin<Config>({
  id: 'output-limit',
  setup(config) {
    const limits: Limits = {
      chars: config.max_chars ?? Number.POSITIVE_INFINITY,
      bytes: config.max_bytes ?? Number.POSITIVE_INFINITY,
      items: config.max_items ?? Number.POSITIVE_INFINITY,
    }

    /** The items that stay: the same list when all do, null when they must be refused. */
    const within = (items: readonly Item[], rest: unknown): readonly Item[] | null => {
      const budget = createBudget(limits)
      // the part that cannot be cut comes first: what is left is for the others
      if (rest !== undefined && !budget.take(measure(rest))) return null
      const cut = cutItems(items, budget, limits.items, config.marker)
      return cut !== items && config.action === 'deny' ? null : cut
    }
    const tooLarge = deny({
      code: 'OUTPUT_TOO_LARGE',
      reason: 'the result is larger than this gateway lets through',
    })

    return {
      hooks: {
        tool_post_invoke({ result }) {
          if (!result) return undefined
          const content = within(result.content, result.structuredContent)
          if (content === null) return tooLarge
          return content === result.content
            ? undefined
            : patch({ content: content as typeof result.content })
        },
        prompt_post_fetch({ result }) {
          if (!result) return undefined
          const messages = within(result.messages, undefined)
          if (messages === null) return tooLarge
          return messages === result.messages
            ? undefined
            : patch({ messages: messages as typeof result.messages })
        },
        resource_post_fetch({ result }) {
          if (!result) return undefined
          const contents = within(result.contents, undefined)
          if (contents === null) return tooLarge
          return contents === result.contents
            ? undefined
            : patch({ contents: contents as typeof result.contents })
        },
      },
    }
  },
})
