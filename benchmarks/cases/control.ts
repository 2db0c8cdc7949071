// What the control plane costs a call that is forwarded: a permission decision and an audit record, each beside the whole call.
import { inspectGateway } from '../../src/app/inspect/inspect.ts'
import { configLoader } from '../../src/app/sections.ts'
import { conditionCompiler, createExpression } from '../../src/expression/expression.ts'
import { type Access, check, createAccess } from '../../src/gateway/access/check.ts'
import { authorizerOptions, createAuthorizer } from '../../src/identity/authorize/authorizer.ts'
import type { BenchmarkCase, Trial, Variant } from '../case.ts'
import { cpuTime } from '../cpu.ts'
import { openAudit } from './audit.ts'
import { checked, request } from './engine.ts'
import { openFleet } from './fleet.ts'
import { WITHOUT_PLUGINS } from './gateways.ts'

const CALL = 'a forwarded small call'
const DECISION = 'a decision, 50 rules in 10 roles'
const NO_AUDIT = 'no audit'
const STORE = 'store'
const FILE = 'file'
const AUDITS = [NO_AUDIT, STORE, FILE]

export async function openControl(quick: boolean): Promise<BenchmarkCase> {
  const fleet = await openFleet([{ name: CALL, start: WITHOUT_PLUGINS }], quick)
  const audit = await openAudit()
  const audits = audit.variants.filter(({ name }) => AUDITS.includes(name))
  return {
    name: 'control',
    title: 'What deciding and recording add to a call',
    unit: 'ns of CPU',
    notes: [
      'The call goes through the gateway without plugins, mounted in Express, whose audit goes to the store: all CPU of its process per request, under load.',
      'The decision is the one that each call asks for once its name is resolved: a principal with ten roles of five rules each, globs of servers and tools among them, two of which deny something else; between two requests nothing is remembered but the compiled plan of the principal.',
      'The audit is what one record per request costs the loop of the gateway, and all threads of its process, beside none (as in the case audit).',
    ],
    variants: [
      ...(fleet.parts.variants as readonly Trial[]).map(inNanoseconds),
      await decision(),
      ...audits,
    ],
    claims: [
      { id: 'decision', what: 'a permission decision to a forwarded small call', variant: DECISION, reference: CALL, measure: 'ratio', unit: 'x', must: 0.05 },
      { id: 'audit store', what: 'what a record in the store adds to the loop, to a forwarded small call', variant: STORE, reference: CALL, base: NO_AUDIT, measure: 'ratio', unit: 'x', must: 0.05 },
      { id: 'audit store, all threads', what: 'the same of all threads', variant: STORE, reference: CALL, base: NO_AUDIT, measure: 'ratio', of: 'whole', unit: 'x', must: 0.05 },
      { id: 'audit file', what: 'what a record in a file adds to the loop, to a forwarded small call', variant: FILE, reference: CALL, base: NO_AUDIT, measure: 'ratio', unit: 'x', must: 0.05 },
    ],
    counter: cpuTime,
    rounds: (short) => (short ? 7 : 11),
    warmUp: fleet.parts.warmUp,
    async close() {
      await fleet.parts.close()
      await audit.close?.()
    },
  } // biome-ignore format: a table
}

const THOUSAND = 1000

function inNanoseconds({ name, ours, trial }: Trial): Trial {
  return {
    name,
    ...(ours === undefined ? {} : { ours }),
    async trial(quick) {
      const sample = await trial(quick)
      const cost = sample.cost * THOUSAND
      return { ...sample, cost, seen: { ...sample.seen, whole: cost } }
    },
  }
}

const ROLES = Array.from({ length: 10 }, (_, index) => `role-${index}`)

const roleOf = (index: number) => ({
  allow: [
    { actions: ['mcp:tool.*'], servers: [`other-${index}-*`], tools: ['*'] },
    { actions: ['mcp:tool.call'], servers: ['files', `f${index}-*`], tools: [`find_${index}_*`] },
    { actions: ['mcp:prompt.*'], prompts: ['*'] },
    { actions: ['mcp:tool.call'], tools: [index === 9 ? 'read_*' : `write_${index}_*`] },
  ],
  deny: [{ actions: ['mcp:*'], tools: [`drop_${index}_*`, `delete_${index}_*`] }],
})

async function accessOf(): Promise<Access> {
  const identity = {
    roles: {
      everyone: { allow: [] },
      ...Object.fromEntries(ROLES.map((name, index) => [name, roleOf(index)])),
    },
  }
  const { config } = configLoader().fromObject({ version: 1, identity })
  const { anyOf } = conditionCompiler(createExpression())
  const authorizer = createAuthorizer(
    authorizerOptions(config.identity, { anyOf, tenanted: false }),
  )
  const { generation, close } = await inspectGateway({ config: { version: 1 } })
  await close()
  const access = createAccess(authorizer, generation)
  if (access === null) throw new Error('nobody would be asked')
  return access
}

async function decision(): Promise<Variant> {
  const access = await accessOf()
  const principal = Object.freeze({
    id: 'bench',
    kind: 'service' as const,
    roles: Object.freeze([...ROLES]),
    scopes: Object.freeze([]),
    tenant: undefined,
    claims: Object.freeze({}),
  })
  const context = request({ principal })
  return {
    name: DECISION,
    ours: true,
    run(times) {
      let allowed = 0
      for (let i = 0; i < times; i++) {
        const target = { kind: 'tool', server: 'files', name: 'read_file' } as const
        const asked = { action: 'mcp:tool.call', targets: [target], listing: false } as const
        const decided = check(access, context, asked)
        if (!(decided instanceof Promise) && decided.denial === undefined) allowed++
      }
      return checked(DECISION, allowed, times)
    },
  }
}
