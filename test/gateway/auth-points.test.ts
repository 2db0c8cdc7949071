// auth_pre_check and auth_post_check: fired on every decision, whoever decides; what plugins make of one, and what they may not.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deny, type Hooks, type PointName, patch, respond } from '../../src/plugin.ts'
import { bearer, type Guarded, guarded, no, YES } from './guarded.ts'
import { connect, ERAS, type Peer } from './peers.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { type CodeEntry, runGateway, type Started, server } from './running.ts'

type Payload = {
  readonly principal: { readonly id: string }
  readonly action: string
  readonly target?: { readonly name: string }
  readonly targets?: readonly { readonly name: string }[]
  readonly decision?: string
  readonly denied?: readonly number[]
}
type Act = (payload: Payload) => unknown

const TOOLS = ['a', 'b', 'c', 'd']
let recorder: Recorder
let identity: Guarded
let started: Started
/** What the entries do at their next turns. */
let acts: Record<string, Act | undefined> = {}
const seen: [PointName, Payload][] = []

const entry = (name: string, more: Partial<CodeEntry> = {}): CodeEntry => {
  const hook = (point: PointName) => (payload: never) => {
    if (name === 'first') seen.push([point, payload])
    return acts[`${name} ${point === 'auth_pre_check' ? 'before' : 'after'}`]?.(payload)
  }
  const hooks = Object.fromEntries(
    (['auth_pre_check', 'auth_post_check'] as const).map((point) => [point, hook(point)]),
  ) as Hooks
  const rename: Hooks = { tool_pre_invoke: () => acts.rename?.({} as Payload) as undefined }
  return { name, hooks: name === 'first' ? { ...hooks, ...rename } : hooks, ...more }
}

beforeAll(async () => {
  recorder = await startRecorder({ tools: TOOLS })
  identity = guarded()
  const entries = [
    entry('first'),
    entry('second'),
    entry('entitled', { permissions: { authorize: true }, more: { grants: { authorize: true } } }),
    entry('asking', { permissions: { authorize: true } }),
    entry('unasked', { more: { grants: { authorize: true } } }),
    entry('lenient', { more: { on_error: 'ignore' } }),
    entry('watching', { mode: 'permissive' }),
  ]
  started = await runGateway({ servers: [server('rec', recorder.url)] }, entries, {
    identity: identity.room,
  })
})
afterAll(async () => {
  await started?.stop({ now: true })
  await recorder?.close()
})
beforeEach(() => {
  acts = {}
  seen.length = 0
  identity.rule = () => YES
})

const NO = deny({ code: 'NO', reason: 'not today' })

describe.each(ERAS)('in the %s era', (era) => {
  let peer: Peer
  beforeAll(async () => {
    peer = await connect(era, started.url, { headers: bearer('ann') })
  })
  const call = () => peer.request('tools/call', { name: 'rec__a', arguments: {} })
  const list = () => peer.request('tools/list')
  const outcome = async () => {
    const before = recorder.calls('tools/call').length
    const { status, response } = await call()
    const reached = recorder.calls('tools/call').length > before
    return [status, response?.error?.data?.code, reached]
  }
  const listed = async () => {
    const { response } = await list()
    const tools = response?.result?.tools as { name: string }[] | undefined
    return tools?.map(({ name }) => name.replace('rec__', '')).join('') ?? response?.error?.data
  }
  const ALLOWED = [200, undefined, true]

  it('a decision passes both, with who, what and how it was decided', async () => {
    await call()
    const target = { kind: 'tool', server: 'rec', name: 'a' }
    const asked = { principal: expect.objectContaining({ id: 'ann' }), action: 'mcp:tool.call' }
    expect(seen).toEqual([
      ['auth_pre_check', { ...asked, target }],
      ['auth_post_check', { ...asked, target, decision: 'allow' }],
    ])
  })

  it('a listing is one check with its targets, and the second point is told which the rules deny', async () => {
    identity.rule = (_principal, _action, { name }) => (name === 'b' ? no() : YES)
    expect(await listed()).toBe('acd')
    expect(seen.map(([point, { targets, denied, decision }]) => [point, targets?.map(({ name }) => name).join(''), denied, decision])).toEqual([
      ['auth_pre_check', 'abcd', undefined, undefined],
      ['auth_post_check', 'abcd', [1], 'allow'],
    ]) // biome-ignore format: a table
  })

  it('the second fires on a denial, too: of a rule and of a plugin', async () => {
    identity.rule = () => no()
    await call()
    identity.rule = () => YES
    acts = { 'second before': () => NO }
    await call()
    expect(seen.map(([point, { decision }]) => [point, decision])).toEqual([
      ['auth_pre_check', undefined],
      ['auth_post_check', 'deny'],
      ['auth_pre_check', undefined],
      ['auth_post_check', 'deny'],
    ])
  })

  it('a call that a policy renamed is decided about a second time, and can be denied then', async () => {
    acts = {
      rename: () => patch({ name: 'b' }),
      'second before': ({ target }) => (target?.name === 'b' ? NO : undefined),
    }
    expect(await outcome()).toEqual([403, 'NO', false])
    expect(seen.map(([, { target, decision }]) => [target?.name, decision])).toEqual([
      ['a', undefined],
      ['a', 'allow'],
      ['b', undefined],
      ['b', 'deny'],
    ])
  })

  describe('deny if any rule or plugin denies', () => {
    it.each<[string, string, Act, readonly unknown[]]>([
      ['a veto before', 'first before', () => NO, [403, 'NO', false]],
      ['a veto after', 'second after', () => NO, [403, 'NO', false]],
      ['an answer before', 'second before', () => respond({ allowed: false }), [403, 'AUTH_DENIED', false]],
      ['its place before', 'second before', () => respond({ denied: [0] }), [403, 'AUTH_DENIED', false]],
      ['its place after', 'second after', () => respond({ denied: [0] }), [403, 'AUTH_DENIED', false]],
      ['a patch after', 'second after', () => patch({ decision: 'deny' }), [403, 'AUTH_DENIED', false]],
      ['nothing said', 'first before', () => undefined, ALLOWED],
    ])('%s', async (_, who, act, expected) => {
      acts = { [who]: act }
      expect(await outcome()).toEqual(expected)
    }) // biome-ignore format: a table

    it('a status and headers of the plugin count', async () => {
      acts = {
        'first before': () =>
          deny({
            code: 'LOGIN',
            reason: 'log in',
            httpStatus: 401,
            httpHeaders: { 'x-own': 'yes' },
          }),
      }
      const { status, headers, response } = await call()
      expect([status, headers.get('x-own'), response?.error?.data?.code]).toEqual([401, 'yes', 'LOGIN']) // biome-ignore format: one expectation
      expect(headers.get('www-authenticate')).toContain('resource_metadata=')
    })

    it('a grant does not beat a denial, whoever says it first', async () => {
      acts = {
        'entitled before': () => respond({ allowed: true }),
        'lenient before': () => NO,
      }
      expect(await outcome()).toEqual([403, 'NO', false])
      acts = {
        'first before': () => respond({ allowed: false }),
        'entitled before': () => respond({ allowed: true }),
      }
      expect(await outcome()).toEqual([403, 'AUTH_DENIED', false])
      acts = {
        'entitled before': () => respond({ allowed: true }),
        'lenient before': () => respond({ allowed: false }),
      }
      expect(await outcome()).toEqual([403, 'AUTH_DENIED', false])
    })

    it('an allowing patch after a denial is a fault, and nothing else', async () => {
      identity.rule = () => no()
      acts = { 'second after': () => patch({ decision: 'allow' } as never) }
      expect(await outcome()).toEqual([200, 'PLUGIN_PATCH_INVALID', false])
    })

    it('what only records does not count', async () => {
      acts = { 'watching before': () => NO, 'watching after': () => respond({ denied: [0] }) }
      expect(await outcome()).toEqual(ALLOWED)
    })
  })

  describe('grant if a rule or an entitled plugin grants', () => {
    const grant: Act = () => respond({ allowed: true })

    it('where no rule says anything, the grant of an entitled entry counts', async () => {
      identity.rule = () => no('nothing allows it', { silent: true })
      expect(await outcome()).toEqual([403, 'AUTH_DENIED', false])
      acts = { 'entitled before': grant }
      expect(await outcome()).toEqual(ALLOWED)
      expect(await listed()).toBe('abcd')
    })

    it('where a rule denies, it does not', async () => {
      identity.rule = () => no()
      acts = { 'entitled before': grant }
      expect(await outcome()).toEqual([403, 'AUTH_DENIED', false])
    })

    it.each(['first', 'asking', 'unasked'])(
      'of an entry without manifest or without grants it is a fault: %s',
      async (name) => {
        acts = { [`${name} before`]: grant }
        expect(await outcome()).toEqual([200, 'PLUGIN_PERMISSION', false])
        expect(await listed()).toMatchObject({ code: 'PLUGIN_PERMISSION' })
      },
    )

    it('a fault that is ignored grants nothing', async () => {
      identity.rule = () => no('nothing allows it', { silent: true })
      acts = { 'lenient before': grant }
      expect(await outcome()).toEqual([403, 'AUTH_DENIED', false])
    })
  })

  describe('of a list', () => {
    it('what any rule or plugin denies is not in it: every entry is heard', async () => {
      identity.rule = (_principal, _action, { name }) => (name === 'a' ? no() : YES)
      acts = {
        'first before': () => respond({ denied: [1] }),
        'second before': () => respond({ denied: [1, 2] }),
      }
      expect(await listed()).toBe('d')
      acts = {
        'first after': () => respond({ denied: [1] }),
        'second after': () => respond({ denied: [3] }),
      }
      expect(await listed()).toBe('c')
    })

    it('a denial of the whole is an error, not an empty list', async () => {
      for (const act of [{ 'second before': () => NO }, { 'second after': () => NO }]) {
        acts = act
        expect(await listed()).toMatchObject({ code: 'NO', reason: 'not today' })
      }
      acts = { 'first after': () => respond({ denied: [1] }), 'second after': () => patch({ decision: 'deny' }) } // biome-ignore format: two acts
      expect(await listed()).toMatchObject({ code: 'AUTH_DENIED' })
    })

    it.each([[[4]], [[-1]]])('a place that was not asked about is a fault: %j', async (denied) => {
      acts = { 'first before': () => respond({ denied }) }
      expect(await listed()).toMatchObject({ code: 'PLUGIN_PATCH_INVALID' })
      acts = { 'first after': () => respond({ denied }) }
      expect(await listed()).toMatchObject({ code: 'PLUGIN_PATCH_INVALID' })
    })
  })

  it.each(['before', 'after'])('a fault at the point %s fails closed', async (when) => {
    acts = {
      [`first ${when}`]: () => {
        throw new Error('broken')
      },
    }
    expect(await outcome()).toEqual([200, 'PLUGIN_THREW', false])
    expect(await listed()).toMatchObject({ code: 'PLUGIN_THREW' })
  })
})

describe('where everybody may do everything', () => {
  it('the points fire all the same, and plugins can deny', async () => {
    let asked = 0
    const hooks: Hooks = {
      auth_pre_check: ({ target }) => {
        asked++
        return target?.name === 'b' ? NO : undefined
      },
    }
    await using open = await runGateway({ servers: [server('rec', recorder.url)] }, [
      { name: 'guards', hooks },
    ])
    const peer = await connect('modern', open.url)
    expect((await peer.call('rec__a')).error).toBeUndefined()
    expect((await peer.call('rec__b')).error?.data?.code).toBe('NO')
    expect(asked).toBe(2)
  })

  it('and no plugin is bound to them, nobody is asked', async () => {
    await using open = await runGateway({ servers: [server('rec', recorder.url)] })
    expect(open.gateway.state().runtime.access).toBeNull()
  })
})
