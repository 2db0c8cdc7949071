// `portcullis audit search` and `export` against the admin API of a gateway over HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminWorld, createAdminWorld } from './admin-world.ts'

let world: AdminWorld
beforeAll(async () => {
  world = await createAdminWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

describe('audit search', () => {
  it('shows the youngest first, as many as are wanted', async () => {
    const { exit, out, err } = await world.run(['audit', 'search', '--limit', '2'], { tty: true })
    expect(exit).toBe(0)
    expect(out).toBe(
      [
        'TIME                      KIND       WHO  WHAT  RESULT',
        '2026-11-01T00:07:29.000Z  execution',
        '2026-11-01T00:07:28.000Z  execution',
        '',
      ].join('\n'),
    )
    expect(err).toContain('there are older ones')
  })

  it('follows pages, and filters', async () => {
    const all = await world.run(['audit', 'search', '--limit', '1000'])
    expect([all.json.items.length, all.json.more]).toEqual([450, false])
    const some = await world.run([
      ...['audit', 'search', '--kind', 'veto', '--limit', '10'],
      ...['--from', '2026-11-01', '--to', '2026-11-01T00:00:07Z'],
    ])
    expect(some.json.items.map(({ time }: { time: string }) => time.slice(17, 19))).toEqual([
      '06',
      '03',
      '00',
    ])
  })

  it.each([
    [['--limit', '0'], '--limit is a number'],
    [['--limit', '2001'], '2000 at most'],
    [['--from', 'yesterday'], '--from: yesterday is no time'],
  ])('is called wrongly with %j', async (more, message) => {
    const { exit, err } = await world.run(['audit', 'search', ...more])
    expect(exit).toBe(2)
    expect(err).toContain(message)
  })

  it('is refused to whoever may not', async () => {
    const { exit, err } = await world.run(['audit', 'search'], { as: 'viewer' })
    expect(exit).toBe(1)
    expect(err).toContain('[AUTH_DENIED]')
  })

  it('says so where no audit is kept in the store', async () => {
    await using other = await createAdminWorld({ api: { audit: undefined } })
    for (const command of ['search', 'export']) {
      const { exit, err } = await other.run(['audit', command])
      expect(exit).toBe(1)
      expect(err).toContain('no audit sink of type store is configured [API_NOT_FOUND]')
    }
  })
})

describe('audit export', () => {
  it('writes lines, the oldest first, with or without --json', async () => {
    const { exit, out, err } = await world.run(['audit', 'export', '--kind', 'veto'], { tty: true })
    const lines = out.trimEnd().split('\n')
    expect([exit, err, lines.length]).toEqual([0, '', 150])
    expect(JSON.parse(lines[0] ?? '')).toEqual({ time: '2026-11-01T00:00:00.000Z', kind: 'veto' })
    expect((await world.run(['audit', 'export', '--kind', 'veto', '--json'])).out).toBe(out)
  })

  it('says that there are more, and ends with 1', async () => {
    const { exit, out, err } = await world.run(['audit', 'export', '--limit', '3'])
    expect([exit, out.trimEnd().split('\n').length]).toEqual([1, 3])
    expect(err).toContain('there are more than these 3 records')
  })

  it('asks a gateway or a file, and never both', async () => {
    const { exit, err } = await world.run(['audit', 'export', '--file', 'a', '--limit', '3'])
    expect(exit).toBe(2)
    expect(err).toContain('--admin and --limit ask a running gateway')
    const tenant = await world.run(['audit', 'export', '--tenant', 'acme'])
    expect(tenant.exit).toBe(2)
    expect(tenant.err).toContain('--tenant goes with --file or --store')
  })
})
