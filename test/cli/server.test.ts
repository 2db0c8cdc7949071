// `portcullis server` against the admin API of a gateway over HTTP.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AdminWorld, createAdminWorld } from './admin-world.ts'

let world: AdminWorld
beforeAll(async () => {
  world = await createAdminWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

describe('server add', () => {
  it('puts a program behind the gateway, split as a shell would and run by none', async () => {
    const { exit, json, err } = await world.run(
      [
        ...['server', 'add', 'files', '--command', 'npx -y "my server" /srv'],
        ...['--tag', 'local', '--tag', 'prod', '--environment', 'prod', '--cwd', '/srv'],
        ...['--env', 'MODE=fast', '--env', 'FILES_KEY'],
      ],
      { env: { FILES_KEY: 'hunter2hunter2' } },
    )
    expect([exit, err]).toEqual([0, ''])
    expect(json).toMatchObject({
      outcome: 'written',
      kind: 'server',
      id: 'files',
      version: 1,
      source: 'dynamic',
      body: {
        command: 'npx',
        args: ['-y', 'my server', '/srv'],
        env: { MODE: '[redacted]', FILES_KEY: '[redacted]' },
        cwd: '/srv',
        tags: ['local', 'prod'],
        environment: 'prod',
      },
    })
  })

  it('puts a server of the network behind the gateway and tells a person so', async () => {
    const { exit, out, err } = await world.run(
      [
        ...['server', 'add', 'search', '--url', 'https://search.example.com/mcp'],
        ...[
          '--transport',
          'streamable-http',
          '--header',
          'X-Api-Key=${env:KEY}',
          '--header',
          'X-Team: a=b',
        ],
        ...['--tenant', 'acme'],
      ],
      { tty: true, env: { KEY: 'hunter2hunter2' } },
    )
    expect([exit, out, err]).toEqual([0, 'added the server search\n', ''])
    expect(await world.stored('server', 'search')).toMatchObject({
      name: 'search',
      tenant: 'acme',
      transport: 'streamable-http',
    })
    const { json } = await world.run(['server', 'show', 'search'])
    expect(json.body.headers).toEqual({ 'x-api-key': '[redacted]', 'x-team': '[redacted]' })
  })

  it('writes nothing in a dry run', async () => {
    const argv = ['server', 'add', 'tried', '--command', 'node', '--dry-run']
    const { exit, out } = await world.run(argv, { tty: true })
    expect([exit, out]).toEqual([0, 'would add the server tried; a dry run, nothing was written\n'])
    expect((await world.run(argv)).json).toMatchObject({ outcome: 'dry_run', id: 'tried' })
    expect(await world.stored('server', 'tried')).toBeUndefined()
  })

  it('prints the reason and the code of a veto and ends with 1', async () => {
    const { exit, out, err } = await world.run(['server', 'add', 'shady', '--command', 'node'])
    expect([exit, out]).toEqual([1, ''])
    expect(err).toBe(
      'error: refused by a policy: shady servers are not wanted (NOT_WANTED) [POLICY_DENIED]\n  ask the operator of the gateway\n',
    )
    const { err: json } = await world.run(['server', 'add', 'shady', '--command', 'node', '--json'])
    expect(JSON.parse(json)).toMatchObject({
      level: 'error',
      code: 'POLICY_DENIED',
      violation: { code: 'NOT_WANTED', reason: 'shady servers are not wanted' },
    })
  })

  it('says of one that the configuration declares where it is', async () => {
    const { exit, err } = await world.run(['server', 'add', 'wiki', '--command', 'node'])
    expect(exit).toBe(1)
    expect(err).toBe(
      'error: the server wiki is declared in the configuration of the gateway [REGISTRY_EXISTS]\n  change it there, or choose another name\n',
    )
  })

  it('says of one that is there already that it is', async () => {
    const { exit, err } = await world.run(['server', 'add', 'files', '--command', 'node'])
    expect([exit, err]).toEqual([
      1,
      'error: there is a server files already [REGISTRY_EXISTS]\n  choose another id, or change the one that is there\n',
    ])
  })

  it('says where an entity is not valid', async () => {
    const { exit, err } = await world.run([
      ...['server', 'add', 'odd', '--url', 'ftp://example.com', '--transport', 'pigeon'],
    ])
    expect(exit).toBe(1)
    expect(err).toContain('[REGISTRY_INVALID]')
    expect(err).toContain('  transport: ')
    expect(err).toContain('  url: ')
  })

  it.each([
    [['server', 'add', 'x'], 'say what the server is'],
    [['server', 'add', 'x', '--command', 'a', '--url', 'https://h'], 'say what the server is'],
    [['server', 'add', 'x', '--command', 'a | b'], '--command: it has "|", a pipe'],
    [['server', 'add', 'x', '--command', 'a ${env:KEY}'], '--command: nothing is put in'],
    [['server', 'add', 'x', '--command', 'a', '--header', 'A=b'], 'go with --url'],
    [['server', 'add', 'x', '--url', 'https://h', '--cwd', '/'], 'go with --command'],
    [
      ['server', 'add', 'x', '--url', 'https://h', '--header', 'X-Api-Key=hunter2'],
      'x-api-key has to come from the environment',
    ],
    [
      ['server', 'add', 'x', '--command', 'a', '--env', 'API_KEY=hunter2'],
      'API_KEY has to come from the environment',
    ],
    [
      ['server', 'add', 'x', '--command', 'a', '--env', 'UNSET'],
      'UNSET, used by UNSET, is not set',
    ],
    [['server', 'add', 'x', '--command', 'a', '--env', '1=2'], '--env: a variable is given as'],
    [
      ['server', 'add', 'x', '--command', 'a', '--env', 'A=1', '--env', 'A=2'],
      '--env: A is given twice',
    ],
  ])('is called wrongly with %j', async (argv, message) => {
    const { exit, out, err } = await world.run(argv)
    expect([exit, out]).toEqual([2, ''])
    expect(err).toContain(message)
    expect(err).not.toContain('hunter2')
  })
})

describe('server list', () => {
  it('is a table to a person', async () => {
    const { exit, out } = await world.run(['server', 'list'], { tty: true })
    expect(exit).toBe(0)
    expect(out).toBe(
      [
        'NAME    STATE         SOURCE    TAGS        WHERE                           REASON',
        'files   starting      dynamic   local prod  npx -y my server /srv',
        'search  starting      dynamic               https://search.example.com/mcp',
        'wiki    ready, grace  declared  prod        https://wiki.example.com/mcp    the revocation list is too old',
        '',
      ].join('\n'),
    )
  })

  it('is entities to a program, narrowed by tag, environment and tenant', async () => {
    const ids = async (...more: string[]) =>
      (await world.run(['server', 'list', ...more])).json.items.map(({ id }: { id: string }) => id)
    expect(await ids()).toEqual(['files', 'search', 'wiki'])
    expect(await ids('--tag', 'local')).toEqual(['files'])
    expect(await ids('--environment', 'prod')).toEqual(['files'])
    expect(await ids('--tenant', 'acme')).toEqual(['search'])
  })

  it('says so when there is none', async () => {
    const { out } = await world.run(['server', 'list', '--tag', 'none'], { tty: true })
    expect(out).toBe('no servers\n')
  })
})

describe('server show', () => {
  it('shows state, tools and tags', async () => {
    const { out } = await world.run(['server', 'show', 'files'], { tty: true })
    expect(out).toBe(
      [
        'name         files',
        'where        npx -y my server /srv',
        'state        starting',
        'admission    admitted',
        'restarts     0',
        'tools        not listed yet',
        'tags         local prod',
        'source       dynamic, version 1',
        'env          {"MODE":"[redacted]","FILES_KEY":"[redacted]"}',
        'cwd          /srv',
        'environment  prod',
        '',
      ].join('\n'),
    )
    const wiki = await world.run(['server', 'show', 'wiki'], { tty: true })
    expect(wiki.out).toContain('tools      12\n')
    expect(wiki.out).toContain(
      'state      ready\nreason     the revocation list is too old\nadmission  grace\n',
    )
  })

  it('ends with 1 when there is none of that name', async () => {
    const { exit, err } = await world.run(['server', 'show', 'nothing'])
    expect([exit, err]).toEqual([
      1,
      'error: there is no server nothing [REGISTRY_NOT_FOUND]\n  list first and use a listed id\n',
    ])
  })
})

describe('server remove', () => {
  it('tries in a dry run, then removes', async () => {
    const tried = await world.run(['server', 'remove', 'search', '--dry-run'], { tty: true })
    expect([tried.exit, tried.out]).toEqual([
      0,
      'would remove the server search; a dry run, nothing was written\n',
    ])
    expect(await world.stored('server', 'search')).toBeDefined()
    const { exit, out } = await world.run(['server', 'remove', 'search'], { tty: true })
    expect([exit, out]).toEqual([0, 'removed the server search\n'])
    expect(await world.stored('server', 'search')).toBeUndefined()
  })

  it('refuses one that the configuration declares', async () => {
    const { exit, err } = await world.run(['server', 'remove', 'wiki'])
    expect([exit, err]).toEqual([
      1,
      'error: the server wiki is declared in the configuration; change it there [REGISTRY_READ_ONLY]\n  change it there\n',
    ])
  })

  it('is refused to whoever may not, with what would be needed', async () => {
    const { exit, err } = await world.run(['server', 'remove', 'files'], { as: 'viewer' })
    expect(exit).toBe(1)
    expect(err).toContain('[AUTH_DENIED]')
  })
})

it('says of a change that waits for approval that it waits', async () => {
  await using approving = await createAdminWorld({ approval: ['server'] })
  const argv = ['server', 'add', 'files', '--command', 'node']
  const { exit, out } = await approving.run(argv, { tty: true })
  expect(exit).toBe(0)
  expect(out).toMatch(
    /^waits for the approval of somebody else: to add the server files, change made\d+\n$/,
  )
  expect((await approving.run(['server', 'add', 'other', '--command', 'node'])).json).toMatchObject(
    {
      outcome: 'pending',
      kind: 'change',
    },
  )
})
