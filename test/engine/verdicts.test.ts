// docs/pipeline.md section 4, sentence by sentence: what each verdict does.
import { describe, expect, it } from 'vitest'
import { ask, deny, patch, respond } from '../../src/engine/verdict.ts'
import { bench, CALL } from './support.ts'

const no = deny({ code: 'NO', reason: 'no' })
const args = (payload: never) => (payload as { arguments: Record<string, unknown> }).arguments

describe('precedence', () => {
  it('deny beats ask, respond and pass', async () => {
    const { outcome } = await bench().run({
      question: { handler: () => ask({ message: 'sure?' }) },
      answer: { handler: () => respond({ text: 'hello' }) },
      quiet: { handler: () => undefined },
      veto: { handler: () => no },
    })
    expect(outcome).toMatchObject({ kind: 'deny', violation: { code: 'NO', entry: 'veto' } })
  })

  it('ask beats respond: a question that cannot be put is a denial, not the answer', async () => {
    const { outcome } = await bench().run({
      answer: { handler: () => respond({ text: 'hello' }) },
      question: { handler: () => ask({ message: 'sure?' }) },
    })
    expect(outcome).toMatchObject({
      kind: 'deny',
      violation: {
        code: 'ASK_UNAVAILABLE',
        entry: 'question',
        plugin: 'p-question',
        point: 'call',
      },
    })
  })

  it('respond beats pass', async () => {
    const { outcome } = await bench().run({
      quiet: { handler: () => undefined },
      answer: { handler: () => respond({ text: 'hello' }) },
    })
    expect(outcome).toMatchObject({ kind: 'respond', answer: { text: 'hello' }, entry: 'answer' })
  })

  it('nothing means pass, also from a promise', async () => {
    const { outcome } = await bench().run({
      sync: { handler: () => {} },
      async: { handler: async () => {} },
    })
    expect(outcome).toMatchObject({ kind: 'pass', changed: false })
  })
})

describe('patch', () => {
  it('each plugin sees what the one before it made', async () => {
    const seen: unknown[] = []
    const { outcome } = await bench().run({
      first: { handler: () => patch({ arguments: { n: 1 } }) },
      second: {
        handler: async (payload) => patch({ arguments: { n: (args(payload).n as number) + 1 } }),
      },
      third: { handler: (payload) => void seen.push(args(payload).n) },
    })
    expect(seen).toEqual([2])
    expect(outcome).toMatchObject({ kind: 'pass', changed: true, payload: { arguments: { n: 2 } } })
  })

  it('two plugins that patch headers both apply', async () => {
    const add = (name: string) => (payload: never) =>
      patch({ headers: { ...(payload as { headers: object }).headers, [name]: 'yes' } })
    const { outcome } = await bench().run({
      a: { handler: add('x-a') },
      b: { handler: add('x-b') },
    })
    expect(outcome.payload.headers).toEqual({ 'x-a': 'yes', 'x-b': 'yes' })
  })

  it('leaves the payload that was handed in as it was', async () => {
    const payload = CALL()
    const { outcome } = await bench().run(
      { a: { handler: () => patch({ arguments: { n: 1 } }) } },
      { payload },
    )
    expect(payload).toEqual(CALL())
    expect(outcome.payload).not.toBe(payload)
  })

  it('names nested fields flat', async () => {
    const { outcome } = await bench().run(
      { a: { handler: () => patch({ content: ['b'] }) } },
      { point: 'reply', payload: { name: 'x', result: { content: ['a'], isError: false } } },
    )
    expect(outcome.payload).toEqual({ name: 'x', result: { content: ['b'], isError: false } })
  })

  it('lays the members of an error over those that stand there', async () => {
    const { outcome } = await bench().run(
      { a: { handler: () => patch({ error: { message: 'hidden' } }) } },
      { point: 'reply', payload: { name: 'x', error: { code: -1, message: 'secret' } } },
    )
    expect(outcome.payload.error).toEqual({ code: -1, message: 'hidden' })
  })

  it('leaves alone what it names with undefined', async () => {
    const { outcome } = await bench().run({
      a: { handler: () => patch({ arguments: { n: 1 }, headers: undefined }) },
    })
    expect(outcome.payload).toMatchObject({ arguments: { n: 1 }, headers: {} })
  })

  it.each([
    ['a field that is not writable', { exposedName: 'x' }, 'PLUGIN_PATCH_NOT_WRITABLE'],
    ['a field that does not exist', { nonsense: 1 }, 'PLUGIN_PATCH_NOT_WRITABLE'],
    [
      'a member of every object',
      JSON.parse('{"__proto__": {"x": 1}}'),
      'PLUGIN_PATCH_NOT_WRITABLE',
    ],
    ['a symbol', { [Symbol('name')]: 'x' }, 'PLUGIN_PATCH_NOT_WRITABLE'],
    ['a value of the wrong shape', { name: 1 }, 'PLUGIN_PATCH_INVALID'],
    ['a function', { arguments: { f: () => 1 } }, 'PLUGIN_PATCH_INVALID'],
    ['an object with a class', { arguments: { when: new Date(0) } }, 'PLUGIN_PATCH_INVALID'],
    ['a number that is not JSON', { arguments: { n: Number.NaN } }, 'PLUGIN_PATCH_INVALID'],
    ['a big integer', { arguments: { n: 1n } }, 'PLUGIN_PATCH_INVALID'],
  ])('with %s is a fault and changes nothing', async (_what, fields, code) => {
    const { outcome } = await bench().run({ a: { handler: () => patch(fields) } })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code }, changed: false })
    expect(outcome.payload).toEqual(CALL())
  })

  it('of a field under something that is not there is a fault', async () => {
    const { outcome } = await bench().run(
      { a: { handler: () => patch({ content: [] }) } },
      { point: 'reply', payload: { name: 'x', error: { code: 1, message: 'm' } } },
    )
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PATCH_INVALID' } })
    const merged = await bench().run(
      { a: { handler: () => patch({ error: { message: 'm' } }) } },
      { point: 'reply', payload: { name: 'x', result: { content: [] } } },
    )
    expect(merged.outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PATCH_INVALID' } })
  })

  it('with a cycle or beyond the depth limit is a fault', async () => {
    const loop: Record<string, unknown> = {}
    loop.again = loop
    const { outcome } = await bench().run({ a: { handler: () => patch({ arguments: loop }) } })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PATCH_INVALID' } })
  })

  it('is not shared with the plugin that made it', async () => {
    const mine = { list: [1], __proto__: null }
    const { outcome } = await bench().run({
      a: { handler: () => patch({ arguments: mine }) },
      b: { handler: () => void mine.list.push(2) },
    })
    expect(outcome.payload.arguments).toEqual({ list: [1] })
  })

  it('keeps a member called __proto__ as a member', async () => {
    const { outcome } = await bench().run({
      a: { handler: () => patch({ arguments: JSON.parse('{"__proto__":{"x":1},"y":[null]}') }) },
    })
    expect(JSON.stringify(outcome.payload.arguments)).toBe('{"__proto__":{"x":1},"y":[null]}')
    expect((outcome.payload.arguments as { x?: number }).x).toBeUndefined()
  })

  it('may hold parts of the payload, which stay what they were', async () => {
    const payload = CALL()
    const { outcome } = await bench().run(
      {
        a: {
          handler: (p) => patch({ arguments: { ...args(p), added: [args(p).deep, undefined] } }),
        },
      },
      { payload },
    )
    expect(outcome.payload.arguments).toEqual({
      ...(CALL().arguments as object),
      added: [{ text: 'x' }, null],
    })
    expect((outcome.payload.arguments as { deep: object }).deep).toBe(
      (payload.arguments as { deep: object }).deep,
    )
  })

  it('is read once: a patch that changes its mind cannot slip a rename past the guards', async () => {
    let asked = 0
    const shifty = new Proxy({ name: 'drop_table' }, {
      has: () => false,
      getOwnPropertyDescriptor: (target, key) =>
        asked++ === 0 || key !== 'name' ? Reflect.getOwnPropertyDescriptor(target, key) : undefined,
    }) // biome-ignore format: short
    const { outcome } = await bench().run({
      rename: { handler: () => patch(shifty) },
      veto: { handler: () => no, mode: 'guard', conditions: [{ tools: ['drop_*'] }] },
    })
    expect(outcome).toMatchObject({ kind: 'deny', violation: { entry: 'veto' } })
  })
})

describe('deny', () => {
  it('ends the operation: later entries do not run', async () => {
    const ran: string[] = []
    await bench().run({
      veto: { handler: () => no },
      later: { handler: () => void ran.push('later') },
      guard: { mode: 'guard', handler: () => void ran.push('guard') },
    })
    expect(ran).toEqual([])
  })

  it('is stamped with plugin, entry and point', async () => {
    const { outcome } = await bench().run({ veto: { handler: () => no } })
    expect(outcome).toMatchObject({
      violation: { code: 'NO', reason: 'no', plugin: 'p-veto', entry: 'veto', point: 'call' },
    })
  })

  it('carries the payload as of the deciding step', async () => {
    const { outcome } = await bench().run({
      change: { handler: () => patch({ arguments: { n: 1 } }) },
      veto: { handler: () => no },
    })
    expect(outcome.payload.arguments).toEqual({ n: 1 })
  })
})

describe('respond', () => {
  it('is provisional: a veto later in the chain still counts', async () => {
    const { outcome } = await bench().run({
      answer: { priority: 10, handler: () => respond({ text: 'mine' }) },
      veto: { priority: 50, handler: () => no },
    })
    expect(outcome.kind).toBe('deny')
  })

  it('is provisional: a guard that denies still counts', async () => {
    const { outcome } = await bench().run({
      answer: { handler: () => respond({ text: 'mine' }) },
      guard: { mode: 'guard', handler: async () => no },
    })
    expect(outcome.kind).toBe('deny')
  })

  it('the first one wins', async () => {
    const { outcome } = await bench().run({
      first: { handler: () => respond({ text: 'first' }) },
      second: { handler: () => respond({ text: 'second' }) },
    })
    expect(outcome).toMatchObject({ kind: 'respond', answer: { text: 'first' }, entry: 'first' })
  })

  it('makes the patches of later entries moot: they are discarded and recorded as such', async () => {
    const { outcome, steps } = await bench().run({
      answer: { handler: () => respond({ text: 'mine' }) },
      late: { handler: () => patch({ arguments: { n: 1 } }) },
    })
    expect(outcome.payload).toEqual(CALL())
    expect(steps[1]).toMatchObject({ entry: 'late', verdict: 'patch', effective: false })
  })

  it('with the wrong shape for the operation is a fault', async () => {
    const { outcome } = await bench().run({ a: { handler: () => respond('text') } })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PATCH_INVALID' } })
  })

  it('is not shared with the plugin that made it', async () => {
    const mine = { list: [1] }
    const { outcome } = await bench().run({
      a: { handler: () => respond(mine) },
      b: { handler: () => void mine.list.push(2) },
    })
    expect(outcome).toMatchObject({ answer: { list: [1] } })
  })

  it('where the point has no short cut is a fault', async () => {
    const { outcome } = await bench().run(
      { a: { handler: () => respond({}) } },
      { point: 'reply', payload: { name: 'x' } },
    )
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_VERDICT_NOT_ALLOWED' } })
  })
})

describe('ask', () => {
  it('is at most one merged question per call, after the guards', async () => {
    const ran: string[] = []
    const { outcome } = await bench().run({
      one: { handler: () => ask({ message: 'one?' }) },
      two: { handler: () => ask({ message: 'two?' }) },
      guard: { mode: 'guard', handler: () => void ran.push('guard') },
    })
    expect(ran).toEqual(['guard'])
    expect(outcome).toMatchObject({
      kind: 'deny',
      violation: { code: 'ASK_UNAVAILABLE', entry: 'one' },
    })
  })

  it('where the point has no question is a fault', async () => {
    const { outcome } = await bench().run(
      { a: { handler: () => ask({ message: 'sure?' }) } },
      { point: 'reply', payload: { name: 'x' } },
    )
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_VERDICT_NOT_ALLOWED' } })
  })
})

describe('an answer that is no verdict', () => {
  it.each([
    ['null', null, 'null'],
    ['a string', 'deny', 'a string'],
    ['false', false, 'a boolean'],
    ['an array', [], 'an array'],
    ['a foreign object', { kind: 'deny', value: { code: 'X', reason: 'x' } }, 'no verdict'],
    [
      'an object with the prototype of a verdict',
      Object.create(Object.getPrototypeOf(no)),
      'no verdict',
    ],
    ['a proxy of a verdict', new Proxy(no, {}), 'no verdict'],
  ])('such as %s is a fault with a clear code, never a pass', async (_what, answer, text) => {
    const sync = await bench().run({ a: { handler: () => answer } })
    expect(sync.outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_BAD_VERDICT' } })
    expect(sync.outcome.kind === 'fault' && sync.outcome.fault.message).toContain(text)
    const async = await bench().run({ a: { handler: async () => answer } })
    expect(async.outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_BAD_VERDICT' } })
  })

  it('such as a revoked proxy or a thenable whose then throws is a fault', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const getter = {
      // biome-ignore lint/suspicious/noThenProperty: what a hostile plugin answers
      get then(): never {
        throw new Error('no then')
      },
    }
    // biome-ignore lint/suspicious/noThenProperty: what a hostile plugin answers
    const method = { then: () => { throw new Error('thrown in then') } } // biome-ignore format: short
    for (const answer of [proxy, getter, method]) {
      for (const mode of ['enforce', 'guard', 'audit'] as const) {
        const self = bench()
        const { outcome } = await self.run({ a: { mode, handler: () => answer } })
        expect(outcome.kind).toBe(mode === 'audit' ? 'pass' : 'fault')
        expect(self.faults).toHaveLength(1)
        expect(self.engine.inflight.size).toBe(0)
      }
    }
  })
})

describe('the words for verdicts', () => {
  it.each([
    ['patch(null)', () => patch(null as never)],
    ['patch([])', () => patch([] as never)],
    ['deny(null)', () => deny(null as never)],
    ['deny without a code', () => deny({ reason: 'x' } as never)],
    ['deny with a lower case code', () => deny({ code: 'no', reason: 'x' })],
    ['deny without a reason', () => deny({ code: 'NO', reason: '' })],
    ['deny with a success status', () => deny({ code: 'NO', reason: 'x', httpStatus: 200 })],
    [
      'deny with a broken header',
      () => deny({ code: 'NO', reason: 'x', httpHeaders: { a: 'b\r\nc: d' } }),
    ],
    [
      'deny with a header that is no text',
      () => deny({ code: 'NO', reason: 'x', httpHeaders: { a: 1 as never } }),
    ],
    ['ask without a message', () => ask({} as never)],
    ['ask(null)', () => ask(null as never)],
  ])('%s throws at the plugin', (_what, call) => {
    expect(call).toThrow(TypeError)
  })

  it('keep what they were given, frozen', () => {
    const verdict = deny({
      code: 'NO', reason: 'no', description: 'd', details: { a: [1] }, httpStatus: 429, httpHeaders: { 'retry-after': '1' },
    }) // biome-ignore format: short
    expect(verdict.value).toEqual({
      code: 'NO', reason: 'no', description: 'd', details: { a: [1] }, httpStatus: 429, httpHeaders: { 'retry-after': '1' },
    }) // biome-ignore format: short
    expect(Object.isFrozen(verdict)).toBe(true)
    expect(Object.isFrozen(verdict.value)).toBe(true)
  })

  it('hold a denial to its details as they were, and stand even when those cannot be kept', async () => {
    const details = { seen: ['a'] }
    const loop: Record<string, unknown> = {}
    loop.again = loop
    const { outcome } = await bench().run({
      a: { handler: () => deny({ code: 'NO', reason: 'no', details }) },
    })
    details.seen.push('b')
    expect(outcome).toMatchObject({ violation: { details: { seen: ['a'] } } })
    const broken = await bench().run({
      a: { onError: 'ignore', handler: () => deny({ code: 'NO', reason: 'no', details: loop }) },
    })
    expect(broken.outcome).toMatchObject({
      kind: 'deny',
      violation: { details: { unusable: true } },
    })
  })

  it('cannot be redefined through an instance', () => {
    const verdictClass = no.constructor as unknown as { is: unknown }
    expect(() => {
      verdictClass.is = () => true
    }).toThrow(TypeError)
    expect(() => {
      Object.getPrototypeOf(no).kind = 'patch'
    }).toThrow(TypeError)
  })
})
