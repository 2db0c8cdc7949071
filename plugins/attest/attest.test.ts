// The attest plugin in the real host and engine; the attestation room behind it answers from here.
import type { AttestationVerdict } from 'portcullis/plugin'
import { createPluginHarness } from 'portcullis/testing'
import { describe, expect, it } from 'vitest'

const DENIED: AttestationVerdict = {
  decision: 'deny',
  policy: 'prod',
  reason: 'evidence.debug',
  stage: 'appraisal',
  says: 'the evidence is of a debuggable environment, which anybody may look into',
  next: 'run without debug mode',
}

async function harness(verdict: AttestationVerdict, grants = { attestation: true }) {
  const asked: object[] = []
  const made = await createPluginHarness({
    plugin: import.meta.dirname,
    grants,
    appraise: async (request) => {
      const { signal, ...rest } = request
      asked.push({ ...rest, stops: signal instanceof AbortSignal })
      return verdict
    },
  })
  return Object.assign(made, { asked })
}

describe('the attest plugin', () => {
  it('asks before a server is registered, with the server as it would be', async () => {
    await using plugin = await harness({ decision: 'admit', policy: 'prod' })
    const entity = { name: 'files', url: 'https://files.example/mcp' }
    const { outcome } = await plugin.dispatch('server_pre_register', {
      kind: 'server',
      id: 'files',
      entity,
    })
    expect(outcome.kind).toBe('pass')
    expect(plugin.asked).toEqual([
      { server: 'files', cause: 'registration', entity, dryRun: false, stops: true },
    ])
  })

  it('refuses with the reason of the appraisal', async () => {
    await using plugin = await harness(DENIED)
    const { outcome } = await plugin.dispatch('server_pre_admit', {
      server: 'files',
      cause: 'interval',
    })
    expect(outcome).toMatchObject({
      kind: 'deny',
      violation: {
        code: 'ATTESTATION_DENIED',
        reason:
          'the evidence is of a debuggable environment, which anybody may look into (evidence.debug)',
        description: 'run without debug mode',
        details: { reason: 'evidence.debug', stage: 'appraisal', policy: 'prod' },
      },
    })
    expect(plugin.asked).toEqual([
      { server: 'files', cause: 'interval', dryRun: false, stops: true },
    ])
  })

  it('says that a dry run is one', async () => {
    await using plugin = await harness(DENIED)
    const payload = { kind: 'server', id: 'files', entity: {} }
    await plugin.dispatch('server_pre_update', payload, { dryRun: true })
    expect(plugin.asked).toEqual([
      { server: 'files', cause: 'update', entity: {}, dryRun: true, stops: true },
    ])
  })

  it('has nothing to say about virtual servers', async () => {
    await using plugin = await harness(DENIED)
    const payload = { kind: 'virtual_server', id: 'team', entity: { name: 'team' } }
    const { outcome } = await plugin.dispatch('server_pre_register', payload)
    expect(outcome.kind).toBe('pass')
    expect(plugin.asked).toEqual([])
  })

  it('refuses everything without its grant', async () => {
    await using plugin = await harness({ decision: 'admit' }, { attestation: false })
    const { outcome } = await plugin.dispatch('server_pre_admit', {
      server: 'files',
      cause: 'interval',
    })
    expect(outcome).toMatchObject({ kind: 'fault', fault: { code: 'PLUGIN_PERMISSION' } })
    expect(plugin.asked).toEqual([])
  })
})
