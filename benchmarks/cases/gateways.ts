// The gateway as the end-to-end cases start it: how many entries, at which points, in which form.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { ROOT } from '../load/gateway.ts'
import { gateway } from '../references/table.ts'

export const IN_EXPRESS = gateway({ form: 'express', plugins: 10 })
export const STANDALONE = gateway({ form: 'standalone', plugins: 10 })
export const WITHOUT_PLUGINS = gateway({ form: 'express', plugins: 0 })
export const ONE = gateway({ form: 'express', plugins: 1 })
export const ONE_ASYNC = gateway({ form: 'express', plugins: 1, asynchronous: true })
export const FIFTY = gateway({ form: 'express', plugins: 50 })
export const FIFTY_ASYNC = gateway({ form: 'express', plugins: 50, asynchronous: true })
export const TEN_ASYNC = gateway({ form: 'express', plugins: 10, asynchronous: true })
/** Policies before a call only: nobody wants the reply as an object. */
export const BEFORE_ONLY = gateway({ form: 'express', plugins: 10, hooks: ['tool_pre_invoke'] })
/** The policies of config/gateway.yaml. The rate limit is raised, because all calls come from one client. */
export const SHIPPED = gateway({ form: 'express', plugins: 0, sections: shipped() })

function shipped(): object {
  const file = new URL('config/gateway.yaml', ROOT)
  const { plugins, policies } = parse(readFileSync(file, 'utf8')) as {
    plugins: { entries: { use: string; config: object }[] }
    policies: object[]
  }
  const entries = plugins.entries.map((entry) =>
    entry.use === 'rate-limit'
      ? { ...entry, config: { ...entry.config, limit: 1e6, burst: 1e6, per: '1s' } }
      : entry,
  )
  return { plugins: { ...plugins, entries }, policies }
}
