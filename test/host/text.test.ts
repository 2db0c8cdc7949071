// Every text of a payload, found and replaced: nothing is missed, nothing else is touched.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnsafeNumber } from '../../src/base/json.ts'
import { View } from '../../src/engine/payload/view.ts'
import { createText } from '../../src/host/services/text.ts'
import { WIRED_POINTS } from '../../src/points/table.ts'

const text = createText()
const TARGET = { server: 's', name: 'n', exposedName: 's__n' }
const shout = (given: string) => given.toUpperCase()
const rewrite = (payload: object, options = {}) =>
  text.rewrite('tool_post_invoke', { ...TARGET, ...payload } as never, shout, options) as
    | Record<string, unknown>
    | undefined

describe('the texts of a payload', () => {
  it('are at every point that carries content', () => {
    expect(text.points.filter((name) => WIRED_POINTS.includes(name))).toEqual([
      'prompt_pre_fetch',
      'prompt_post_fetch',
      'tool_pre_invoke',
      'tool_post_invoke',
      'resource_post_fetch',
      'tool_post_list',
      'prompt_post_list',
      'resource_post_list',
      'roots_post_list',
      'argument_pre_complete',
      'argument_post_complete',
      'completion_pre_request',
      'completion_post_response',
      'elicitation_pre_create',
      'elicitation_post_response',
      'notification_pre_forward',
      'stream_message',
      'server_pre_register',
      'server_pre_update',
      'server_pre_unregister',
      'tool_pre_register',
      'tool_pre_update',
      'prompt_pre_register',
      'prompt_pre_update',
      'resource_pre_create',
      'resource_pre_update',
      'auth_pre_create',
      'auth_pre_update',
      'auth_pre_delete',
      'federation_pre_create',
      'federation_pre_update',
      'federation_pre_delete',
    ])
  })

  it('are those of a definition that a server lists, without what identifies it', () => {
    const definition = { name: 'a', description: 'b', inputSchema: { properties: { c: 'd' } } }
    const payload = { kind: 'tool', id: 's/a', entity: { server: 's', name: 'a', definition } }
    expect(text.rewrite('tool_pre_register', payload as never, shout)).toEqual({
      entity: {
        server: 's',
        name: 'a',
        definition: { name: 'a', description: 'B', inputSchema: { properties: { c: 'D' } } },
      },
    })
  })

  it('leave types and base64 alone', () => {
    const content = [
      { type: 'text', text: 'a' },
      { type: 'image', data: 'aaaa', mimeType: 'image/png' },
      { type: 'resource', resource: { uri: 'b:c', blob: 'bbbb', mimeType: 'text/plain' } },
    ]
    expect(rewrite({ result: { content } })).toEqual({
      content: [
        { type: 'text', text: 'A' },
        { type: 'image', data: 'aaaa', mimeType: 'image/png' },
        { type: 'resource', resource: { uri: 'B:C', blob: 'bbbb', mimeType: 'text/plain' } },
      ],
    })
  })

  it('name only the fields that changed', () => {
    const result = {
      content: [{ type: 'text', text: 'A' }],
      structuredContent: { a: 'x' },
      _meta: { b: 'Y' },
    }
    expect(rewrite({ result })).toEqual({ structuredContent: { a: 'X' } })
    expect(rewrite({ result: { content: [{ type: 'text', text: 'A' }] } })).toBeUndefined()
    expect(rewrite({ error: { code: -1, message: 'no', data: { a: 'B' } } })).toEqual({
      error: { message: 'NO' },
    })
  })

  it('keep both values when two names become one', () => {
    expect(
      rewrite({ result: { content: [], structuredContent: { a: 1, A: 2 } } }, { keys: true }),
    ).toEqual({
      structuredContent: { A: 1, 'A (2)': 2 },
    })
  })

  it('keep a member that is called __proto__', () => {
    const structuredContent = JSON.parse('{"__proto__": {"a": "x"}, "b": "y"}')
    const made = rewrite({ result: { content: [], structuredContent } })
    expect(JSON.stringify(made)).toBe('{"structuredContent":{"__proto__":{"a":"X"},"b":"Y"}}')
  })

  it('do not read an integer that JavaScript cannot hold, unless asked for numbers: then its own digits', () => {
    const structuredContent = { id: new UnsafeNumber('9007199254740993'), note: 'x' }
    const view = new View({ ...TARGET, result: { content: [], structuredContent } }, 'throw')
    const made = text.rewrite('tool_post_invoke', view.root as never, shout) as unknown as {
      structuredContent: object
    }
    expect(view.poison).toBeNull()
    expect(JSON.stringify(made.structuredContent)).toBe('{"id":9007199254740993,"note":"X"}')
    const seen: string[] = []
    text.some('tool_post_invoke', view.root as never, (one) => seen.push(one) < 0, {
      numbers: true,
    })
    expect(seen).toContain('9007199254740993')
  })

  it('hand nothing out that could change the payload', () => {
    const inner = { deep: { kept: 'A' } }
    const payload = { ...TARGET, result: { content: [], structuredContent: { inner, other: 'x' } } }
    const made = text.rewrite('tool_post_invoke', payload as never, shout) as unknown as {
      structuredContent: { inner: typeof inner }
    }
    expect(made.structuredContent.inner).toEqual(inner)
    expect(() => {
      made.structuredContent.inner.deep.kept = 'changed'
    }).toThrow('wrote to kept')
    expect(inner.deep.kept).toBe('A')
  })

  it('refuse what is nested too deeply instead of passing it by', () => {
    let deep: unknown = 'x'
    for (let level = 0; level < 1000; level++) deep = [deep]
    expect(() => rewrite({ result: { content: [], structuredContent: deep } })).toThrow(
      'nested too deeply',
    )
  })

  it('are all replaced, and numbers, flags and shapes stay, in any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const payload = { ...TARGET, arguments: { value }, headers: {} }
        const made = text.rewrite('tool_pre_invoke', payload as never, () => '*') as unknown as
          | { arguments: object }
          | undefined
        const expected = JSON.parse(JSON.stringify({ value }), (_key, inner) =>
          typeof inner === 'string' ? '*' : inner,
        )
        // JSON has no negative zero: both sides are compared as what a peer would read
        const passed = made?.arguments ?? payload.arguments
        expect(JSON.parse(JSON.stringify(passed))).toEqual(expected)
      }),
    )
  })

  it('are all seen by a search', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const payload = { ...TARGET, arguments: { value }, headers: {} }
        const texts: string[] = []
        JSON.parse(JSON.stringify({ value }), (_key, inner) => {
          if (typeof inner === 'string') texts.push(inner)
          return inner
        })
        for (const wanted of texts)
          expect(text.some('tool_pre_invoke', payload as never, (one) => one === wanted)).toBe(true)
        expect(text.some('tool_pre_invoke', payload as never, () => false)).toBe(false)
      }),
    )
  })
})
