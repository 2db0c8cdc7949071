// Which headers go, stay and come.
import { createPluginHarness } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'

const plugin = import.meta.dirname
const REQUEST = { method: 'POST', path: '/mcp', client: { address: '192.0.2.1' } }

async function filtered(config: object, headers: Record<string, string>): Promise<object> {
  await using harness = await createPluginHarness({ plugin, config: { ...config } })
  return (await harness.dispatch('http_pre_request', { ...REQUEST, headers })).payload.headers
}

describe('the header filter', () => {
  it('removes by name and glob', async () => {
    const headers = { 'x-internal-id': '1', 'x-internal-user': 'a', cookie: 'c', accept: '*/*' }
    expect(await filtered({ remove: ['cookie', 'x-internal-*'] }, headers)).toEqual({
      accept: '*/*',
    })
  })

  it('keeps only what is allowed', async () => {
    expect(
      await filtered({ allow: ['accept', '/^x-/'] }, { accept: 'a', 'x-a': '1', cookie: 'c' }),
    ).toEqual({ accept: 'a', 'x-a': '1' })
  })

  it('sets over what was there, in whatever spelling', async () => {
    expect(await filtered({ set: { 'x-tenant': 'acme' } }, { 'X-Tenant': 'evil', a: '1' })).toEqual(
      { a: '1', 'x-tenant': 'acme' },
    )
  })

  it('leaves the payload alone when nothing changes', async () => {
    await using harness = await createPluginHarness({ plugin, config: { remove: ['cookie'] } })
    const { outcome } = await harness.dispatch('http_pre_request', {
      ...REQUEST,
      headers: { accept: 'a' },
    })
    expect(outcome.changed).toBe(false)
  })

  it('works on headers to upstreams and on responses', async () => {
    await using harness = await createPluginHarness({
      plugin,
      config: { remove: ['server'], set: { 'x-by': 'gate' } },
    })
    const call = { server: 's', name: 'n', exposedName: 'n', arguments: {}, headers: {} }
    expect((await harness.dispatch('tool_pre_invoke', call)).payload.headers).toEqual({
      'x-by': 'gate',
    })
    const response = { ...REQUEST, status: 200, headers: { server: 'x' } }
    expect((await harness.dispatch('http_post_request', response)).payload.headers).toEqual({
      'x-by': 'gate',
    })
  })

  it('is a fault, not a smuggled header, when it would speak for the transport', async () => {
    await using harness = await createPluginHarness({
      plugin,
      config: { set: { 'content-length': '0' } },
      hooks: ['tool_pre_invoke'],
    })
    const call = { server: 's', name: 'n', exposedName: 'n', arguments: {}, headers: {} }
    const { outcome } = await harness.dispatch('tool_pre_invoke', call)
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PATCH_INVALID' } })
  })

  it.each([
    [{}, 'fits none of the allowed forms'],
    [{ set: { 'x-a': 'a\r\nx-b: c' } }, 'pattern'],
    [{ remove: ['Cookie'] }, 'pattern'],
  ])('refuses the configuration %j', async (config, message) => {
    await expect(createPluginHarness({ plugin, config })).rejects.toThrow(message)
  })
})
