// docs/pipeline.md section 7, sentence by sentence: when an entry has its turn.
import { describe, expect, it } from 'vitest'
import { type ConditionSet, compileCondition, optionalScopes } from '../../src/engine/condition.ts'
import { conditionVariables } from '../../src/engine/condition-variables.ts'
import { ANONYMOUS, type Principal, type RequestIdentity } from '../../src/engine/context.ts'
import { deny, patch } from '../../src/engine/verdict.ts'
import { createExpression } from '../../src/expression/expression.ts'
import { bench, CALL, RULES, registrations, request, SERVER } from './support.ts'

const no = deny({ code: 'NO', reason: 'no' })
const alice: Principal = {
  ...ANONYMOUS,
  id: 'alice@acme.com',
  kind: 'user',
  roles: ['admin', 'dev'],
  tenant: 'acme',
}

/** Whether an entry with these conditions has its turn. */
async function turn(
  source: { conditions?: readonly ConditionSet[]; when?: string },
  identity: Partial<RequestIdentity> = {},
  payload = CALL(),
): Promise<boolean> {
  const { outcome } = await bench().run(
    { a: { ...source, handler: () => no }, other: { handler: () => {} } },
    { request: request(identity), payload },
  )
  return outcome.kind === 'deny'
}

describe('structured fields', () => {
  it.each<[string, ConditionSet, boolean]>([
    ['servers', { servers: ['files'] }, true],
    ['servers', { servers: ['other'] }, false],
    ['a glob', { tools: ['read_*'] }, true],
    ['an RE2 expression', { tools: ['/^read_/'] }, true],
    ['an exact text is no prefix', { tools: ['read'] }, false],
    ['tags', { tags: ['prod'] }, true],
    ['environments', { environments: ['prod*'] }, true],
    ['tenants', { tenants: ['acme'] }, true],
    ['users', { users: ['*@acme.com'] }, true],
    ['roles', { roles: ['dev'] }, true],
    ['agents', { agents: ['claude*'] }, true],
    ['methods', { methods: ['tools/call'] }, true],
    ['eras', { eras: ['modern'] }, true],
    ['eras', { eras: ['legacy'] }, false],
  ])('%s: %o', async (_what, set, expected) => {
    const client = { name: 'claude-desktop', version: '1' }
    expect(await turn({ conditions: [set] }, { principal: alice, client })).toBe(expected)
  })

  it('labels', async () => {
    const tainted = request()
    tainted.addLabel('pii')
    const entries = {
      a: { conditions: [{ labels: ['pii'] }], handler: () => no },
      other: { handler: () => {} },
    }
    expect((await bench().run(entries, { request: tainted })).outcome.kind).toBe('deny')
    expect((await bench().run(entries)).outcome.kind).toBe('pass')
  })

  it('content types', async () => {
    const entries = {
      a: { conditions: [{ content_types: ['image/*'] }], handler: () => no },
      other: { handler: () => {} },
    }
    const of = async (types?: string[]) =>
      (
        await bench().run(entries, {
          point: 'reply',
          payload: { name: 'x', ...(types ? { types } : {}) },
        })
      ).outcome.kind
    expect([await of(['text/plain', 'image/png']), await of(['text/plain']), await of()]).toEqual([
      'deny',
      'pass',
      'pass',
    ])
  })

  it('resources are paths: one star stays within a segment', async () => {
    const matches = async (uri: string, pattern: string) => {
      const entries = {
        a: { conditions: [{ resources: [pattern] }], handler: () => no },
        other: { handler: () => {} },
      }
      return (
        (await bench().run(entries, { point: 'fetch', payload: { uri } })).outcome.kind === 'deny'
      )
    }
    expect(await matches('file:///srv/a/b', 'file:///srv/**')).toBe(true)
    expect(await matches('file:///srv/a/b', 'file:///srv/*')).toBe(false)
  })

  it('the fields of one object are AND-ed', async () => {
    expect(await turn({ conditions: [{ tools: ['read_*'], servers: ['other'] }] })).toBe(false)
    expect(await turn({ conditions: [{ tools: ['read_*'], servers: ['files'] }] })).toBe(true)
    expect(await turn({ conditions: [{ tools: ['read_*'], tenants: ['acme'] }] })).toBe(false)
  })

  it('the objects of a list are OR-ed', async () => {
    expect(await turn({ conditions: [{ servers: ['other'] }, { tools: ['read_*'] }] })).toBe(true)
    expect(await turn({ conditions: [{ servers: ['other'] }, { tools: ['write_*'] }] })).toBe(false)
    expect(await turn({ conditions: [{ tenants: ['x'] }, { users: ['anonymous'] }] })).toBe(true)
    expect(await turn({ conditions: [{ tenants: ['x'] }, { tenants: ['y'] }] })).toBe(false)
  })

  it('a field without a value does not match', async () => {
    expect(await turn({ conditions: [{ tenants: ['*'] }] })).toBe(false)
    expect(await turn({ conditions: [{ agents: ['*'] }] })).toBe(false)
    expect(await turn({ conditions: [{ roles: ['*'] }] })).toBe(false)
    expect(await turn({ conditions: [{ tools: ['*'] }] }, {}, { ...CALL(), name: undefined })).toBe(
      false,
    )
  })

  it('a server that is not known yet does not match', () => {
    const self = bench()
    const runner = self
      .generation({ a: { conditions: [{ servers: ['*'] }], handler: () => no } })
      .runner('call')
    expect(runner?.dispatch(CALL(), request())).toMatchObject({ kind: 'pass' })
    const known = request()
    known.server = SERVER
    expect(runner?.dispatch(CALL(), known)).toMatchObject({ kind: 'deny' })
  })
})

describe('static parts select the runner', () => {
  it('an entry that cannot match the target is not in it, and a point without entries left has none', () => {
    const generation = bench().generation({
      reads: { conditions: [{ tools: ['read_*'] }], handler: () => {} },
      files: { conditions: [{ servers: ['files'] }], handler: () => {} },
    })
    const entries = (target: string, server = SERVER) =>
      generation.runner('call', { server, target })?.plan.chain.map((step) => step.entry) ?? null
    expect(entries('read_file')).toEqual(['reads', 'files'])
    expect(entries('write_file')).toEqual(['files'])
    expect(entries('write_file', { ...SERVER, name: 'other' })).toBeNull()
    expect(generation.runner('reply')).toBeNull()
    expect([...generation.points]).toEqual(['call'])
    expect(generation.entries('call').map(({ entry }) => entry)).toEqual(['reads', 'files'])
    expect(generation.entries('reply')).toEqual([])
  })

  it('runners are made once per point and scope', () => {
    const generation = bench().generation({
      a: { conditions: [{ tools: ['read_*'] }], handler: () => {} },
    })
    const scope = { server: SERVER, target: 'read_file' }
    expect(generation.runner('call', scope)).toBe(generation.runner('call', { ...scope }))
  })

  it('the cache of runners is bounded', () => {
    const generation = bench().generation({
      a: { conditions: [{ tools: ['t*'] }], handler: () => {} },
    })
    const first = generation.runner('call', { server: SERVER, target: 't0' })
    for (let i = 1; i <= 1100; i++) generation.runner('call', { server: SERVER, target: `t${i}` })
    expect(generation.runner('call', { server: SERVER, target: 't0' })).not.toBe(first)
    for (let i = 1; i <= 1100; i++)
      generation.runner('call', { server: { ...SERVER, name: `s${i}` }, target: 't' })
    expect(generation.runner('call', { server: SERVER, target: 't1' })).not.toBeNull()
  })
})

describe('the rest is evaluated on the current payload just before the entry has its turn', () => {
  it('by when', async () => {
    const { outcome } = await bench().run({
      raise: { handler: () => patch({ arguments: { amount: 5000 } }) },
      veto: { when: 'payload.arguments.amount > 1000', handler: () => no },
    })
    expect(outcome.kind).toBe('deny')
  })

  it('a rename by an earlier plugin does not slip past an entry for the new name, in the chain or as a guard', async () => {
    for (const mode of ['enforce', 'guard'] as const) {
      const { outcome } = await bench().run({
        rename: { handler: () => patch({ name: 'drop_table' }) },
        veto: { mode, conditions: [{ tools: ['drop_*'] }], handler: () => no },
      })
      expect(outcome).toMatchObject({ kind: 'deny', violation: { entry: 'veto' } })
    }
  })

  it('nor past an observer, and entries for the old name run no more', async () => {
    const ran: string[] = []
    await bench().run({
      before: { conditions: [{ tools: ['read_*'] }], handler: () => void ran.push('before') },
      rename: { handler: () => patch({ name: 'drop_table' }) },
      old: { conditions: [{ tools: ['read_*'] }], handler: () => void ran.push('old') },
      audit: {
        mode: 'audit',
        conditions: [{ tools: ['drop_*'] }],
        handler: () => void ran.push('audit'),
      },
    })
    expect(ran).toEqual(['before', 'audit'])
  })

  it('a rename does not run anybody twice, also when it is renamed back', async () => {
    const ran: string[] = []
    const log = (name: string, next?: string) => () => {
      ran.push(name)
      return next ? patch({ name: next }) : undefined
    }
    const { request: about } = await bench({ passes: true }).run({
      a: { handler: log('a') },
      there: { handler: log('there', 'write_file') },
      b: { conditions: [{ tools: ['write_*'] }], handler: log('b') },
      back: { handler: log('back', 'read_file') },
      c: { conditions: [{ tools: ['read_*'] }], handler: log('c') },
    })
    expect(ran).toEqual(['a', 'there', 'b', 'back', 'c'])
    expect(about.passes).toEqual([{ point: 'call', entries: ['a', 'b', 'c'] }])
  })

  it('a rename to a name that nobody cares for ends the chain with a pass', async () => {
    const { outcome } = await bench().run({
      rename: { conditions: [{ tools: ['read_*'] }], handler: () => patch({ name: 'other' }) },
      old: { conditions: [{ tools: ['read_*'] }], handler: () => no },
    })
    expect(outcome).toMatchObject({ kind: 'pass', payload: { name: 'other' } })
  })
})

describe('when', () => {
  it('sees declared variables with typed defaults: an anonymous principal has no roles', async () => {
    expect(await turn({ when: '!("admin" in principal.roles)' })).toBe(true)
    expect(await turn({ when: '!("admin" in principal.roles)' }, { principal: alice })).toBe(false)
    expect(conditionVariables('call', CALL(), request())).toMatchObject({
      principal: { id: 'anonymous', roles: [], tenant: '' },
      client: { name: '', version: '' },
      server: { name: '', tags: [], environment: '', tenant: '' },
      session: '', era: 'modern', origin: 'client', round: 0, labels: [], point: 'call', dryRun: false,
    }) // biome-ignore format: short
  })

  it('is AND-ed with conditions', async () => {
    expect(await turn({ conditions: [{ tools: ['read_*'] }], when: 'false' })).toBe(false)
    expect(await turn({ conditions: [{ users: ['anonymous'] }], when: 'true' })).toBe(true)
    expect(await turn({ conditions: [{ users: ['alice'] }], when: 'true' })).toBe(false)
  })

  it('an error in it is a fault under on_error', async () => {
    const when = 'payload.arguments.missing > 1'
    const closed = await bench().run({ a: { when, handler: () => {} } })
    expect(closed.outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'PLUGIN_CONDITION_FAILED' },
    })
    const open = await bench().run({ a: { when, onError: 'ignore', handler: () => no } })
    expect(open.outcome.kind).toBe('pass')
    const guard = await bench().run({ a: { when, mode: 'guard', handler: () => {} } })
    expect(guard.outcome).toMatchObject({
      kind: 'fault',
      fault: { code: 'PLUGIN_CONDITION_FAILED' },
    })
  })
})

describe('load errors', () => {
  const load = (
    source: { conditions?: readonly ConditionSet[]; when?: string },
    point = 'call',
  ) => {
    const self = bench()
    return () => self.engine.generation(registrations({ a: { ...source, handler: () => {} } }, point), {
      payload: 1, points: {}, depth: 1, dispatch: { data: 1, control: 1, admission: 1 },
    }) // biome-ignore format: short
  }

  it.each([
    ['an empty list', { conditions: [{ tools: [] }] }],
    ['an expression that does not compile', { when: 'payload.' }],
    ['a pattern that does not compile', { conditions: [{ tools: ['/(/'] }] }],
    ['a field the point does not offer', { conditions: [{ content_types: ['x'] }] }],
    ['a method the point never has', { conditions: [{ methods: ['tools/list'] }] }],
    ['an era that does not exist', { conditions: [{ eras: ['moderm'] }] }],
  ])('%s', (_what, source) => {
    expect(load(source)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  it('none of the conditions can match: one that can is enough', () => {
    expect(load({ conditions: [{ content_types: ['x'] }, { tools: ['x'] }] })).not.toThrow()
    expect(load({ conditions: [{ content_types: ['x'] }, { methods: ['x'] }] })).toThrow(
      'can match at call',
    )
  })

  it('say what the point offers', () => {
    expect(load({ conditions: [{ tools: ['x'] }] }, 'tell')).toThrow('no condition fields')
    expect(load({ conditions: [{ methods: ['x'] }] })).toThrow('methods: tools/call')
  })

  it('a field whose value is undefined is not there', () => {
    const rules = RULES.call
    const compiled = compileCondition(
      { conditions: [{ tools: undefined }] },
      rules,
      'call',
      createExpression() as never,
    )
    expect(compiled?.inScope({})).toBe(true)
    expect(compileCondition({}, rules, 'call', createExpression() as never)).toBeNull()
  })

  it('an unknown point', () => {
    expect(load({}, 'nowhere')).toThrow('unknown point nowhere')
  })
})

describe('before and after', () => {
  const order = (settings: object) => () =>
    bench().generation({ a: { handler: () => {}, ...settings }, b: { handler: () => {} } })

  it('are assertions checked at load', () => {
    expect(order({ before: ['b'] })).not.toThrow()
    expect(order({ after: ['b'] })).toThrow('a must run after b at call')
    expect(order({ before: ['b'], priority: 200 })).toThrow('a must run before b at call')
    expect(order({ after: ['b'], priority: 200 })).not.toThrow()
  })

  it('say nothing about entries that are not at the point', () => {
    expect(order({ before: ['elsewhere'], after: ['elsewhere'] })).not.toThrow()
  })
})

describe('a load warning', () => {
  it('is due for a vetoing entry that is scoped only by an optional attribute', () => {
    const scopes = [
      { tenants: ['acme'] },
      { servers: ['x'], roles: ['y'] },
      { users: ['z'], tags: ['t'] },
    ]
    expect(optionalScopes('enforce', scopes)).toMatchObject([
      { fields: ['tenants'] },
      { fields: ['users', 'tags'] },
    ])
    expect(optionalScopes('guard', scopes)).toHaveLength(2)
    expect(optionalScopes('audit', scopes)).toEqual([])
    expect(optionalScopes('enforce', undefined)).toEqual([])
    expect(optionalScopes('enforce', [{}])).toEqual([])
  })
})
