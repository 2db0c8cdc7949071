// The table of points against docs/pipeline.md section 2: names, twins, what may be written and with what.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { applyPatch } from '../../src/engine/payload/patch.ts'
import { pointSchemas, schemasOf } from '../../src/points/schema.ts'
import {
  declarationOf,
  isPointName,
  POINT_ALIASES,
  POINT_NAMES,
  POINTS,
  type PointName,
  WIRED_POINTS,
} from '../../src/points/table.ts'

const LIMITS = { bytes: 10_000, depth: 16 }
const tryPatch = (point: PointName, payload: object, fields: object) =>
  applyPatch(payload, fields, declarationOf(point), LIMITS).payload

describe('every point', () => {
  it('is named domain_pre_verb or domain_post_verb, or tells of an event', () => {
    const events = new Set([
      'stream_message',
      'error_raised',
      'alert_raised',
      'anomaly_detected',
      'sla_breached',
      'session_opened',
      'execution_completed',
      'server_status_changed',
    ])
    for (const name of POINT_NAMES)
      expect(events.has(name) || /^[a-z]+_(pre|post)_[a-z]+$/.test(name)).toBe(true)
  })

  it('that comes before a write has a twin that observes the outcome', () => {
    const control = POINT_NAMES.filter(
      (name) => declarationOf(name).class === 'control' && name.includes('_pre_'),
    )
    expect(control.length).toBeGreaterThan(20)
    for (const name of control) {
      const twin = name.replace('_pre_', '_post_')
      expect(isPointName(twin) && declarationOf(twin).observe, twin).toBe(true)
    }
  })

  it('that only tells allows nothing', () => {
    for (const name of POINT_NAMES) {
      const { observe, deny, respond, ask, writable, denial } = declarationOf(name)
      if (observe)
        expect({ deny, respond, ask, writable, denial }, name).toEqual({
          deny: false,
          respond: false,
          ask: false,
          writable: {},
          denial: 'none',
        })
      else expect(deny, name).toBe(true)
    }
  })

  it('says why, when the gateway does not fire it', () => {
    for (const name of POINT_NAMES) {
      const { wired } = declarationOf(name)
      if (wired !== true) expect(wired, name).toMatch(/^[a-z ]{5,}/)
    }
    expect(WIRED_POINTS).toContain('tool_pre_invoke')
    expect(WIRED_POINTS).not.toContain('cache_pre_get')
  })

  it('has content that is in its payload, and a target that conditions can name', () => {
    for (const name of POINT_NAMES) {
      const { content, target, conditions, payload } = declarationOf(name)
      const members = Object.keys((payload.schema as { properties: object }).properties)
      expect(members, name).toEqual(
        expect.arrayContaining([...content, ...(target ? [target.field] : [])]),
      )
      if (target) expect(conditions).toContain(target.condition)
    }
  })

  it('has writable fields under members of its payload', () => {
    for (const name of POINT_NAMES) {
      const { writable, payload } = declarationOf(name)
      const members = Object.keys((payload.schema as { properties: object }).properties)
      for (const { path } of Object.values(writable)) expect(members, name).toContain(path[0])
    }
  })

  it('asks only at tool, prompt and resource pre-points', () => {
    expect(POINT_NAMES.filter((name) => declarationOf(name).ask)).toEqual([
      'prompt_pre_fetch',
      'tool_pre_invoke',
      'resource_pre_fetch',
    ])
  })
})

describe('aliases', () => {
  it('lead to points', () => {
    expect(Object.values(POINT_ALIASES).every(isPointName)).toBe(true)
    expect(isPointName('toString')).toBe(false)
  })
})

describe('schemas', () => {
  it('are valid JSON Schema 2020-12, for payload, patch and answer of every point', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true })
    for (const name of POINT_NAMES) {
      const { payload, patch, answer } = schemasOf(name)
      for (const schema of [payload, patch, ...(answer ? [answer] : [])])
        expect(() => ajv.compile(schema), name).not.toThrow()
    }
    expect(Object.keys(pointSchemas().$defs as object)).toEqual(Object.keys(POINTS))
  })

  it('say of a patch what the engine says', () => {
    const check = new Ajv2020().compile(schemasOf('tool_pre_invoke').patch)
    expect(check({ name: 'x', arguments: {} })).toBe(true)
    expect(check({ exposedName: 'x' })).toBe(false)
    expect(check({ name: 1 })).toBe(false)
    expect(schemasOf('tool_post_invoke').answer).toBeUndefined()
  })
})

describe('list points', () => {
  const tool = (server: string, name: string, rest: object = {}) => ({
    server,
    item: { name, ...rest },
  })
  const page = { items: [tool('a', 'read'), tool('a', 'write'), tool('b', 'read')] }

  it('let an item be removed, or rewritten in all but its name and owner', () => {
    const items = [tool('b', 'read', { description: 'new' }), tool('a', 'read')]
    expect(tryPatch('tool_post_list', page, { items })).toEqual({ items })
  })

  it.each([
    ['adding one', [tool('a', 'new')]],
    ['adding one twice', [tool('a', 'read'), tool('a', 'read')]],
    ['giving one to another server', [tool('c', 'read')]],
    ['renaming one', [tool('a', 'Read')]],
    ['something that is no item', [{ name: 'read' }]],
    ['something that is no list', 'all'],
  ])('%s is a fault', (_what, items) => {
    expect(() => tryPatch('tool_post_list', page, { items })).toThrow(
      expect.objectContaining({ code: 'PLUGIN_PATCH_INVALID' }),
    )
  })

  it('keep uri and template of a resource', () => {
    const resources = { items: [{ server: 'a', item: { name: 'x', uri: 'file:///a' } }] }
    expect(() =>
      tryPatch('resource_post_list', resources, {
        items: [{ server: 'a', item: { name: 'x', uri: 'file:///b' } }],
      }),
    ).toThrow()
  })
})

describe('headers to be sent upstream', () => {
  const call = { server: 's', name: 'x', exposedName: 's__x', headers: {} }

  it('may be set', () => {
    expect(tryPatch('tool_pre_invoke', call, { headers: { 'x-tenant': 'acme' } })).toMatchObject({
      headers: { 'x-tenant': 'acme' },
    })
  })

  it.each([
    'host',
    'Content-Length',
    'transfer-encoding',
    'connection',
    'proxy-authorization',
    'mcp-name',
    'Mcp-Session-Id',
    'mcp-protocol-version',
    'accept',
  ])('of the transport itself may not: %s', (name) => {
    expect(() => tryPatch('tool_pre_invoke', call, { headers: { [name]: 'x' } })).toThrow(
      'wrong shape',
    )
  })

  it.each([
    ['a line break', { a: 'b\r\nc: d' }],
    ['a name with a space', { 'a b': 'c' }],
    ['an empty name', { '': 'c' }],
    ['a value that is no text', { a: 1 }],
  ])('may not hold %s', (_what, headers) => {
    expect(() => tryPatch('tool_pre_invoke', call, { headers })).toThrow('wrong shape')
  })
})

describe('content types', () => {
  const of = (name: PointName, payload: object) =>
    declarationOf(name).contentTypes?.(payload as never)

  it('come from the header of an HTTP request, without its parameters', () => {
    expect(
      of('http_pre_request', { headers: { 'content-type': 'Application/JSON; charset=utf-8' } }),
    ).toEqual(['application/json'])
    expect(of('http_pre_request', { headers: {} })).toEqual([])
  })

  it('come from the items of a result', () => {
    expect(
      of('tool_post_invoke', {
        result: { content: [{ type: 'image', mimeType: 'image/png' }, { type: 'text' }] },
      }),
    ).toEqual(['image/png'])
    expect(of('tool_post_invoke', { error: {} })).toEqual([])
    expect(
      of('resource_post_fetch', { result: { contents: [{ uri: 'a', mimeType: 'text/html' }] } }),
    ).toEqual(['text/html'])
    expect(of('resource_post_fetch', {})).toEqual([])
  })
})
