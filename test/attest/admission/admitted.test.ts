// What is remembered of admitted servers: over restarts, over gateways that write at once, and never as if nothing had been known.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Admitted, createAdmittedMemory } from '../../../src/attest/admission/admitted.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { createStore } from '../../../src/store/open.ts'
import { ManualClock } from '../../engine/support.ts'

const FILES: Admitted = {
  spkiSha256: 'aa'.repeat(32),
  policySha256: 'bb'.repeat(32),
  acceptedAt: 1_700_000_000_000,
  validUntil: 1_700_021_600_000,
  claims: [],
  result: { trust: { hardware: 2 }, matched: ['rv:files-2026.11'] },
}
const clock = new ManualClock()

describe('what a server was admitted with', () => {
  it('is there as it was, and nothing is of a server that never was admitted', async () => {
    const memory = createAdmittedMemory(createMemoryStore({ clock }))
    expect(await memory.recall('files')).toEqual({ admitted: undefined, version: 0 })
    expect(await memory.remember('files', FILES, 0)).toBe(true)
    expect(await memory.recall('files')).toEqual({ admitted: FILES, version: 1 })
    expect(await memory.recall('mail')).toEqual({ admitted: undefined, version: 0 })
  })

  it('outlives the gateway, and what was shown against it does too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'admitted-'))
    const url = `sqlite:${join(folder, 'p.db')}`
    try {
      const before = createStore({ url, pool: 1 }, { clock })
      const memory = createAdmittedMemory(before)
      await memory.remember('files', FILES, 0)
      await memory.refuse('files', 'tls.key_changed')
      const revision = await before.revision()
      await before.close()
      const after = createStore({ url, pool: 1 }, { clock })
      const { admitted } = await createAdmittedMemory(after).recall('files')
      expect(admitted).toEqual({ ...FILES, refused: 'tls.key_changed' })
      // who follows the configuration is not told
      expect([revision, await after.revision()]).toEqual([0, 0])
      await after.close()
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('is not written over a refusal that came while the server was being attested', async () => {
    const memory = createAdmittedMemory(createMemoryStore({ clock }))
    await memory.remember('files', FILES, 0)
    const { version } = await memory.recall('files')
    await memory.refuse('files', 'evidence.debug')
    expect(await memory.remember('files', FILES, version)).toBe(false)
    const now = await memory.recall('files')
    expect(now.admitted?.refused).toBe('evidence.debug')
    expect(await memory.remember('files', FILES, now.version)).toBe(true)
    expect((await memory.recall('files')).admitted?.refused).toBeUndefined()
  })

  it('takes a refusal whoever writes at the same time, and none of one that never was admitted', async () => {
    const memory = createAdmittedMemory(createMemoryStore({ clock }))
    await memory.refuse('files', 'evidence.debug')
    expect(await memory.recall('files')).toEqual({ admitted: undefined, version: 0 })
    await memory.remember('files', FILES, 0)
    const reasons = ['evidence.debug', 'tls.revoked', 'evidence.tcb_low'] as const
    await Promise.all(reasons.map((reason) => memory.refuse('files', reason)))
    const { admitted, version } = await memory.recall('files')
    expect(reasons).toContain(admitted?.refused)
    expect(version).toBe(4)
  })

  it('that others write about without an end is refused as what cannot be known', async () => {
    const real = createMemoryStore({ clock })
    await createAdmittedMemory(real).remember('files', FILES, 0)
    let tries = 0
    const memory = createAdmittedMemory({
      ...real,
      putNote: async () => {
        tries++
        return undefined
      },
    })
    await expect(memory.refuse('files', 'tls.revoked')).rejects.toMatchObject({
      reason: 'internal.store_unavailable',
    })
    expect(tries).toBe(8)
  })

  it('is forgotten with the server', async () => {
    const memory = createAdmittedMemory(createMemoryStore({ clock }))
    await memory.remember('files', FILES, 0)
    await memory.forget('files')
    expect(await memory.recall('files')).toEqual({ admitted: undefined, version: 0 })
  })

  it('of another release is not taken for nothing', async () => {
    const store = createMemoryStore({ clock })
    await store.putNote({ kind: 'attestation-admitted', key: 'files', body: { form: 2 } })
    await expect(createAdmittedMemory(store).recall('files')).rejects.toMatchObject({
      name: 'Denial',
      reason: 'internal.error',
    })
  })

  it('is refused where the store cannot be asked', async () => {
    const store = createStore({ url: 'sqlite::memory:', pool: 1 }, { clock })
    await store.close()
    const memory = createAdmittedMemory(store)
    const unavailable = { name: 'Denial', reason: 'internal.store_unavailable' }
    await expect(memory.recall('files')).rejects.toMatchObject(unavailable)
    await expect(memory.remember('files', FILES, 0)).rejects.toMatchObject(unavailable)
    await expect(memory.refuse('files', 'tls.revoked')).rejects.toMatchObject(unavailable)
    await expect(memory.forget('files')).rejects.toMatchObject(unavailable)
  })
})
