// The policies section at work: when conditions and `when` have matched, it denies, patches, responds, labels, alerts or logs.
import {
  ask,
  definePlugin,
  deny,
  type Hooks,
  type PluginContext,
  type PluginHost,
  patch,
  respond,
} from 'portcullis/plugin'
import { mergePatch } from './merge.ts'
import { compileTemplate } from './template.ts'

interface Config {
  readonly then: 'deny' | 'patch' | 'respond' | 'ask' | 'label' | 'alert' | 'log'
  readonly code?: string
  readonly reason?: string
  readonly patch?: Readonly<Record<string, unknown>>
  readonly respond?: Readonly<Record<string, unknown>>
  readonly labels?: readonly string[]
  readonly severity?: 'info' | 'warning' | 'critical'
}

/** What one policy does at one point. */
type Rule = (payload: object, context: PluginContext) => unknown
type RuleFor = (point: string) => Rule

export default definePlugin<Config>({
  id: 'rules',
  setup(config, host) {
    const ruleFor = OUTCOMES[config.then](config, host)
    const hooks = Object.fromEntries(host.points.map((point) => [point, ruleFor(point)]))
    return { hooks: hooks as Hooks }
  },
})

const OUTCOMES: Record<Config['then'], (config: Config, host: PluginHost) => RuleFor> = {
  deny({ code = 'POLICY', reason = '' }, host) {
    const verdict = deny({ code, reason: reason || `refused by the policy ${host.entry}` })
    return () => () => verdict
  },

  patch(config, host) {
    const fields = Object.entries(need(config, 'patch')).map(
      ([name, value]) => [name, compileTemplate(value, host, ['patch', name])] as const,
    )
    return (point) => (payload, context) =>
      patch(
        Object.fromEntries(
          fields.map(([name, template]) => [
            name,
            mergePatch(current(payload, name), template(point, payload, context)),
          ]),
        ),
      )
  },

  respond(config, host) {
    const template = compileTemplate(need(config, 'respond'), host, ['respond'])
    return (point) => (payload, context) => respond(template(point, payload, context))
  },

  ask(config) {
    const verdict = ask({ message: need(config, 'reason') })
    return () => () => verdict
  },

  label(config) {
    const labels = need(config, 'labels')
    return () => (_payload, context) => {
      for (const label of labels) context.addLabel(label)
    }
  },

  alert({ code, reason, severity = 'warning' }, host) {
    return (point) => (_payload, context) =>
      host.emit({ type: 'alert', severity, data: { code, reason, ...whereabouts(point, context) } })
  },

  log({ code, reason }, host) {
    return (point) => (_payload, context) =>
      host.log.info(reason ?? `the policy ${host.entry} matched`, {
        code,
        ...whereabouts(point, context),
      })
  },
}

function need<K extends keyof Config>(config: Config, key: K): NonNullable<Config[K]> {
  const value = config[key]
  if (value === undefined || value === null)
    throw new TypeError(`then: ${config.then} needs the key "${key}"`)
  return value
}

// a patch names fields flat; after the operation they stand in its result
function current(payload: object, field: string): unknown {
  const own = payload as Readonly<Record<string, unknown>>
  if (field in own) return own[field]
  return (own.result as Readonly<Record<string, unknown>> | undefined)?.[field]
}

function whereabouts(
  point: string,
  { requestId, method, principal, server }: PluginContext,
): object {
  return { point, requestId, method, principal: principal.id, server: server?.name }
}
