// `portcullis key` against the admin API of a gateway over HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminWorld, createAdminWorld } from './admin-world.ts'

let world: AdminWorld
beforeAll(async () => {
  world = await createAdminWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

const KEY = /pcl_[a-z0-9-]+_[0-9A-Za-z]{49}/

describe('key create', () => {
  it('prints the key once, and says that it is shown only once', async () => {
    const argv = ['key', 'create', 'ci', '--id', 'build-bot', '--role', 'operator']
    const { exit, out, err } = await world.run(argv, { tty: true })
    expect([exit, err]).toEqual([0, ''])
    const [said, key, once] = out.split('\n')
    expect(said).toBe('made the key build-bot for ci')
    expect(key).toMatch(KEY)
    expect(once).toBe('shown only once: keep it now, the gateway itself has only a digest of it')
  })

  it('has the key in a member for programs, beside the entity', async () => {
    const { exit, json } = await world.run([
      ...['key', 'create', 'deploy', '--id', 'deploy-bot', '--kind', 'service'],
      ...['--scope', 'api:server.*', '--expires', '2031-01-31', '--tenant', 'acme'],
    ])
    expect(exit).toBe(0)
    expect(json.once.key).toMatch(KEY)
    expect(json.note).toContain('only once')
    expect(json).toMatchObject({
      outcome: 'written',
      kind: 'key',
      id: 'deploy-bot',
      tenant: 'acme',
      body: { principal: 'deploy', scopes: ['api:server.*'], expires: '2031-01-31' },
    })
  })

  it('takes an end from now on', async () => {
    const before = Date.now()
    const { json } = await world.run(['key', 'create', 'ci', '--id', 'short', '--expires', '90d'])
    const end = Date.parse(json.body.expires)
    expect(json.body.expires).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(end).toBeGreaterThan(before + 89 * 86_400_000)
    expect(end).toBeLessThanOrEqual(Date.now() + 90 * 86_400_000)
  })

  it('makes none in a dry run', async () => {
    const argv = ['key', 'create', 'ci', '--id', 'tried', '--dry-run']
    const { exit, out } = await world.run(argv, { tty: true })
    expect([exit, out]).toEqual([0, 'would make a key for ci; a dry run, nothing was written\n'])
    expect(await world.stored('key', 'tried')).toBeUndefined()
  })

  it('says what is wrong with an end, and what with the entity', async () => {
    const ended = await world.run(['key', 'create', 'ci', '--expires', 'tomorrow'])
    expect(ended.exit).toBe(2)
    expect(ended.err).toContain('--expires: tomorrow is no date')
    const odd = await world.run(['key', 'create', 'ci', '--id', 'NO'])
    expect(odd.exit).toBe(1)
    expect(odd.err).toContain('id: expected 3 to 32 lower-case letters')
  })
})

describe('keys that are there', () => {
  it('are listed without what they are', async () => {
    const { out } = await world.run(['key', 'list'], { tty: true })
    expect(out).not.toMatch(KEY)
    const [head, build, deploy] = out.split('\n')
    expect(head).toBe('ID          PRINCIPAL  ROLES     STATE  SOURCE   EXPIRES')
    expect(build).toBe('build-bot   ci         operator  valid  dynamic  never')
    expect(deploy).toBe('deploy-bot  deploy               valid  dynamic  2031-01-31')
    const { json } = await world.run(['key', 'list', '--principal', 'deploy'])
    expect(json.items.map(({ id }: { id: string }) => id)).toEqual(['deploy-bot'])
  })

  it('are shown one by one', async () => {
    const { exit, out } = await world.run(['key', 'show', 'deploy-bot'], { tty: true })
    expect(exit).toBe(0)
    expect(out).toBe(
      [
        'key        deploy-bot',
        'state      valid',
        'principal  deploy',
        'kind       service',
        'scopes     api:server.*',
        'expires    2031-01-31',
        'tenant     acme',
        'source     dynamic',
        '',
      ].join('\n'),
    )
    expect((await world.run(['key', 'show', 'deploy-bot'])).out).not.toMatch(KEY)
  })

  it('are revoked and stay in the list', async () => {
    const tried = await world.run(['key', 'revoke', 'build-bot', '--dry-run'], { tty: true })
    expect(tried.out).toBe('would revoke the key build-bot; a dry run, nothing was written\n')
    expect(await world.stored('key', 'build-bot')).not.toHaveProperty('revoked', true)
    const { exit, out } = await world.run(['key', 'revoke', 'build-bot'], { tty: true })
    expect([exit, out]).toEqual([0, 'revoked the key build-bot\n'])
    expect(await world.stored('key', 'build-bot')).toMatchObject({ revoked: true })
    const { out: list } = await world.run(['key', 'list'], { tty: true })
    expect(list).toContain('build-bot   ci         operator  revoked  dynamic  never')
  })

  it('are nothing for whoever may not see them', async () => {
    const { exit, err } = await world.run(['key', 'list'], { as: 'viewer' })
    expect(exit).toBe(1)
    expect(err).toContain('[AUTH_DENIED]')
  })
})
