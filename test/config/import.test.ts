// Foreign configurations, as their programs write them, become ours; what cannot be carried over is said.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what substitutions look like
// biome-ignore-all lint/suspicious/noThenProperty: the word of the contract; nothing here is awaited
import { describe, expect, it } from 'vitest'
import { configLoader } from '../../src/app/sections.ts'
import { formatImported, type Imported, importConfig } from '../../src/config/import/import.ts'
import { formatProblem, problemsOf } from '../../src/config/problem.ts'

function read(value: unknown, env: Record<string, string> = {}): Imported {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  return importConfig(text, { filename: 'mcp.json', env })
}

function warnings(imported: Imported): string[] {
  return imported.warnings.map((warning) => formatProblem(warning))
}

function problems(value: unknown): string[] {
  try {
    read(value)
  } catch (error) {
    return problemsOf(error).map((problem) => formatProblem(problem))
  }
  return []
}

describe('mcpServers', () => {
  it('of a desktop client become servers that the loader accepts', async () => {
    const imported = read({
      mcpServers: {
        filesystem: {
          command: 'npx',
          args: ['-y', '@modelcontextprotocol/server-filesystem', '/Users/ada/Desktop'],
          env: { LOG: 'debug' },
        },
        github: { type: 'http', url: 'https://api.githubcopilot.com/mcp/', headers: { Authorization: 'Bearer ${GITHUB_TOKEN}' } },
      },
    }, { GITHUB_TOKEN: 'x' }) // biome-ignore format: one call
    expect(imported.document).toEqual({
      version: 1,
      servers: [
        {
          name: 'filesystem',
          command: 'npx',
          args: ['-y', '@modelcontextprotocol/server-filesystem', '/Users/ada/Desktop'],
          env: { LOG: 'debug' },
        },
        {
          name: 'github',
          transport: 'streamable-http',
          url: 'https://api.githubcopilot.com/mcp/',
          headers: { Authorization: 'Bearer ${env:GITHUB_TOKEN}' },
        },
      ],
    })
    expect(imported.warnings).toEqual([])
    const loaded = await configLoader().parse(formatImported(imported), {
      env: { GITHUB_TOKEN: 't' },
    })
    expect(loaded.config.servers[1]?.headers).toEqual({ Authorization: 'Bearer t' })
  })

  it('may have comments, tabs and trailing commas', () => {
    const text =
      '{\n\t// mine\n\t"mcpServers": {\n\t\t"a": { "command": "x", /* no */ "args": ["// not a comment", "\\t"], },\n\t},\n}\n'
    expect(read(text).document).toEqual({
      version: 1,
      servers: [{ name: 'a', command: 'x', args: ['// not a comment', '\t'] }],
    })
  })

  it('are renamed where our names are stricter, and stay unique', () => {
    const imported = read({
      mcpServers: {
        'My Server': { command: 'x' },
        my__db: { command: 'x' },
        'My.Server': { command: 'x' },
      },
    })
    expect(imported.document.servers).toMatchObject([
      { name: 'My-Server' },
      { name: 'my_db' },
      { name: 'My-Server-2' },
    ])
    expect(warnings(imported)).toEqual([
      'mcp.json:3:5: the server "My Server" is called "My-Server" here',
      'mcp.json:6:5: the server "my__db" is called "my_db" here',
      'mcp.json:9:5: the server "My.Server" is called "My-Server-2" here',
    ])
  })

  it('lose no guard: forbidden tools become a policy, and what is dropped is said', async () => {
    const imported = read({
      mcpServers: {
        a: { command: 'x', disabledTools: ['drop_table'], alwaysAllow: ['read'], timeout: 60 },
        b: { command: 'x', disabled: true },
      },
    })
    expect(imported.document.policies).toMatchObject([
      {
        name: 'a-disabled-tools',
        conditions: [{ servers: ['a'], tools: ['drop_table'] }],
        then: 'deny',
      },
    ])
    expect(warnings(imported)).toEqual([
      'mcp.json:5:7: disabledTools became the policy a-disabled-tools',
      'mcp.json:8:7: alwaysAllow has no counterpart and was left out',
      'mcp.json:11:7: timeout has no counterpart and was left out',
      'mcp.json:13:5: the server "b" is switched off there and was left out',
    ])
    const { config } = await configLoader().parse(formatImported(imported))
    expect(config.plugins).toMatchObject({ enabled: true, allowed: ['rules'] })
  })

  it('of type sse keep their transport; a literal secret and an unset variable are warned about', async () => {
    const imported = read({
      mcpServers: {
        a: {
          type: 'sse',
          url: 'https://a.example/sse',
          headers: { 'X-Api-Key': 'abc', B: '${B}', C: '${C:-c}' },
        },
      },
    })
    expect(imported.document.servers).toMatchObject([
      { transport: 'sse', headers: { B: '${env:B}', C: '${env:C:-c}' } },
    ])
    expect(warnings(imported)).toEqual([
      'mcp.json:7:9: X-Api-Key looks like a secret that is written out; replace it by ${env:NAME} or ${file:path}',
      'mcp.json:8:9: the environment variable B is not set; the gateway does not start without it',
    ])
    const { config } = await configLoader().parse(formatImported(imported), { env: { B: 'b' } })
    expect(config.servers[0]).toMatchObject({ transport: 'sse', url: 'https://a.example/sse' })
  })

  it('of a url without a type have no transport, which is found out', () => {
    const { document } = read({
      mcpServers: {
        a: { url: 'https://a.example/mcp' },
        b: { type: 'ws', url: 'wss://b.example' },
      },
    })
    expect(document.servers).toEqual([
      { name: 'a', url: 'https://a.example/mcp' },
      { name: 'b', url: 'wss://b.example', transport: 'websocket' },
    ])
  })

  it('without command and url, or with variables nobody knows, are refused at their place', () => {
    expect(
      problems({
        mcpServers: { a: { args: ['x'] }, b: { command: '${command:pickProcess}' }, c: 5 },
      }),
    ).toEqual([
      'mcp.json:3:5: the server "a" has neither command nor url',
      'mcp.json:9:7: the variable ${command:pickProcess} has no counterpart; replace it by a value or ${env:NAME}',
      'mcp.json:11:5: the server "c" is not a mapping',
    ])
  })
})

describe('servers of VS Code', () => {
  it('become ours, inputs as environment variables', () => {
    const imported = read(`{
  "inputs": [{ "type": "promptString", "id": "perplexity-key", "description": "Perplexity API Key", "password": true }],
  "servers": {
    "perplexity": {
      "type": "stdio",
      "command": "npx",
      "args": ["-y", "server-perplexity-ask", "\${workspaceFolder}/data", "\${userHome}"],
      "env": { "PERPLEXITY_API_KEY": "\${input:perplexity-key}" },
      "envFile": "\${workspaceFolder}/.env"
    }
  }
}`)
    expect(imported.format).toBe('vscode')
    expect(imported.document.servers).toEqual([
      {
        name: 'perplexity',
        command: 'npx',
        args: ['-y', 'server-perplexity-ask', './data', '${env:HOME}'],
        env: { PERPLEXITY_API_KEY: '${env:PERPLEXITY_KEY}' },
      },
    ])
    expect(warnings(imported)).toEqual([
      'mcp.json:7:7: ${workspaceFolder} became "." (the folder the gateway is started in)',
      'mcp.json:8:16: the input "perplexity-key" is read from the environment variable PERPLEXITY_KEY (Perplexity API Key)',
      'mcp.json:9:7: envFile has no counterpart and was left out',
    ])
  })

  it('are found in a settings file, too', () => {
    expect(
      read({ mcp: { servers: { a: { url: 'https://a.example/mcp' } } } }).document.servers,
    ).toEqual([{ name: 'a', url: 'https://a.example/mcp' }])
  })
})

describe('the list form of mcp.json', () => {
  it('splits its commands without a shell and keeps the digest', () => {
    const imported = read([
      {
        name: 'files',
        command: `npx -y "@scope/server files" --root='/srv/my data' a\\ b "say \\"hi\\"" ''`,
        digest: 'sha256:ab',
      },
      { name: 'search', url: 'https://search.example/mcp' },
    ])
    expect(imported.document.servers).toEqual([
      {
        name: 'files',
        command: 'npx',
        args: ['-y', '@scope/server files', '--root=/srv/my data', 'a b', 'say "hi"', ''],
        digest: 'sha256:ab',
      },
      { name: 'search', url: 'https://search.example/mcp' },
    ])
    expect(warnings(imported)).toEqual([
      'mcp.json:5:5: pinning by digest is not built yet; the gateway refuses to start until the line is removed',
    ])
  })

  const REFUSED: [string, string][] = [
    [
      'cat x | sh',
      'it has "|", a pipe, and there is no shell to run it; quote it if it belongs to an argument',
    ],
    [
      'a && b',
      'it has "&", a background or "and" operator, and there is no shell to run it; quote it if it belongs to an argument',
    ],
    [
      'a; b',
      'it has ";", a command separator, and there is no shell to run it; quote it if it belongs to an argument',
    ],
    [
      'a > /tmp/log',
      'it has ">", a redirection, and there is no shell to run it; quote it if it belongs to an argument',
    ],
    ['a $(id)', 'it has $(...), a command substitution, and there is no shell to run it'],
    ['a "$(id)"', 'it has $(...), a command substitution, and there is no shell to run it'],
    [
      'a `id`',
      'it has "`", a command substitution, and there is no shell to run it; quote it if it belongs to an argument',
    ],
    ['a $HOME', 'it has a shell variable; write ${env:NAME}'],
    [
      'a\nb',
      'it has "\\n", a line break, and there is no shell to run it; quote it if it belongs to an argument',
    ],
    ['~/bin/server', '"~" is not expanded; write the path out'],
    ['C:\\tools\\server.exe', 'it has a backslash before a letter; quote the path'],
    ["a 'b", "the quote ' is not closed"],
    ['TOKEN=x server', 'it starts with a variable; put TOKEN under env'],
    ['   ', 'it is empty'],
    ['a \\', 'it ends in a backslash'],
  ]
  for (const [command, why] of REFUSED)
    it(`refuses the command ${JSON.stringify(command)}, which needs a shell or is broken`, () => {
      expect(problems([{ name: 'a', command }])).toEqual([
        `mcp.json:4:5: the command cannot be split without a shell: ${why}`,
      ])
    })

  it('takes the command as the program when there are args', () => {
    expect(read([{ name: 'a', command: '/opt/my server', args: ['|'] }]).document.servers).toEqual([
      { name: 'a', command: '/opt/my server', args: ['|'] },
    ])
  })
})

const CONTEXT_FORGE = `
plugin_dirs: ["plugins/native"]
plugin_settings:
  plugin_timeout: 30
  fail_on_plugin_error: false
  parallel_execution_within_band: true
plugins:
  - name: "DenyListPlugin"
    kind: "plugins.deny_filter.deny.DenyListPlugin"
    description: "A plugin that implements a deny list filter."
    version: "0.1.0"
    author: "someone"
    hooks: ["prompt_pre_fetch", "tool_pre_invoke"]
    tags: ["filter"]
    mode: "enforce"
    priority: 100
    conditions:
      - prompts: ["test_prompt"]
        server_ids: [prod]
        tenant_ids: []
    config:
      words: [innovative, "{{ env.WORD | default('groundbreaking') }}", "\${x}"]
  - name: "Replace"
    kind: "plugins.regex_filter.search_replace.SearchReplacePlugin"
    hooks: ["tool_post_invoke"]
    mode: enforce_ignore_error
    conditions: [{ server_ids: [] }, { tools: [x] }]
  - name: Pii
    kind: cpex_pii_filter.PIIFilterPlugin
    hooks: [tool_post_invoke]
    mode: permissive
    conditions: [{ user_patterns: [admin], content_types: [text/plain] }]
  - name: Gate
    kind: plugins.custom.gate.HTTPGatePlugin
    hooks: [tool_pre_invoke, agent_pre_invoke]
    mode: concurrent
  - name: Cedar
    kind: external
    hooks: [tool_pre_invoke]
    mode: sequential
    on_error: ignore
    mcp: { proto: STREAMABLEHTTP, url: "http://localhost:8000/mcp" }
  - name: Metering
    kind: plugins.schema_guard.schema_guard.SchemaGuardPlugin
    hooks: [tool_post_invoke]
    mode: fire_and_forget
  - name: Off
    kind: plugins.off.Off
    hooks: [tool_pre_invoke]
    mode: disabled
  - name: Roles
    kind: plugins.roles.RoleGuardPlugin
    hooks: [message_evaluate]
    mode: enforce
`

describe('ContextForge plugin YAML', () => {
  const imported = importConfig(CONTEXT_FORGE, { filename: 'config.yaml' })

  it('becomes entries with our modes, failure policies and conditions', () => {
    expect(imported.document).toEqual({
      version: 1,
      plugins: {
        enabled: true,
        allowed: [
          'deny-list',
          'search-replace',
          'pii-filter',
          'http-gate',
          'cedar',
          'schema-guard',
        ],
        defaults: { timeout: '30s' },
        entries: [
          {
            name: 'DenyListPlugin',
            use: 'deny-list',
            hooks: ['prompt_pre_fetch', 'tool_pre_invoke'],
            mode: 'enforce',
            priority: 100,
            // prompts restrict prompts only: tools of that server are matched by their method
            conditions: [
              { servers: ['prod'], methods: ['tools/call'] },
              { servers: ['prod'], prompts: ['test_prompt'] },
            ],
            config: {
              case_sensitive: true,
              whole_words: false,
              words: ['innovative', '${env:WORD:-groundbreaking}', '$${x}'],
            },
          },
          // one condition without any restriction makes all of them void
          {
            name: 'Replace',
            use: 'search-replace',
            hooks: ['tool_post_invoke'],
            mode: 'enforce',
            on_error: 'ignore',
          },
          {
            name: 'Pii',
            use: 'pii-filter',
            hooks: ['tool_post_invoke'],
            mode: 'permissive',
            conditions: [{ users: ['*admin*'], content_types: ['text/plain'] }],
            on_error: 'ignore',
          },
          { name: 'Gate', use: 'http-gate', hooks: ['tool_pre_invoke'], mode: 'guard' },
          {
            name: 'Cedar',
            use: 'cedar',
            hooks: ['tool_pre_invoke'],
            mode: 'enforce',
            on_error: 'ignore',
          },
          {
            name: 'Metering',
            use: 'schema-guard',
            hooks: ['tool_post_invoke'],
            mode: 'background',
          },
        ],
      },
    })
  })

  it('says at its place what could not be carried over', () => {
    expect(warnings(imported)).toEqual([
      'config.yaml:2:1: plugin_dirs has no counterpart and was left out',
      'config.yaml:6:3: parallel_execution_within_band has no counterpart and was left out',
      'config.yaml:34:5: Gate: there is no built-in counterpart; the gateway refuses to start until a plugin "http-gate" is in plugins.dirs or the entry is removed',
      'config.yaml:35:30: the hook agent_pre_invoke has no counterpart; the plugin does not run there',
      'config.yaml:38:5: Cedar: external plugins are not built yet; the gateway refuses to start until a plugin "cedar" is in plugins.dirs or the entry is removed',
      'config.yaml:42:5: mcp has no counterpart and was left out',
      'config.yaml:48:5: Off is disabled there and has no counterpart; it was left out',
      'config.yaml:53:5: none of its hooks has a counterpart; the plugin was left out',
    ])
  })

  it('is accepted by the loader', async () => {
    const { config } = await configLoader().parse(formatImported(imported), { env: {} })
    expect(config.plugins.entries[0]?.config).toMatchObject({
      words: ['innovative', 'groundbreaking', '${x}'],
    })
  })

  it('fails closed on plugin errors where its settings say so', () => {
    const text =
      'plugin_settings: { fail_on_plugin_error: true }\nplugins: [{ name: a, kind: x.DenyListPlugin, mode: permissive }]\n'
    const { document } = importConfig(text, { filename: 'config.yaml' })
    expect(document.plugins).toMatchObject({ entries: [{ mode: 'permissive' }] })
    expect(JSON.stringify(document)).not.toContain('on_error')
  })

  it('with an unknown mode, condition or template is refused at its place', () => {
    const text = `plugins:
  - { name: a, kind: x.DenyListPlugin, mode: strict }
  - { name: b, kind: x.DenyListPlugin, conditions: [{ moon: [full] }] }
  - { name: c, kind: x.DenyListPlugin, config: { a: "{% if x %}" } }
`
    const error = (() => {
      try {
        importConfig(text, { filename: 'config.yaml' })
      } catch (reason) {
        return reason
      }
    })()
    expect(problemsOf(error).map((problem) => formatProblem(problem))).toEqual([
      'config.yaml:2:40: unknown mode "strict"; known: enforce, enforce_ignore_error, permissive, sequential, transform, audit, concurrent, fire_and_forget, disabled',
      'config.yaml:3:55: the condition moon has no counterpart',
      'config.yaml:4:50: this template cannot be translated; replace it by ${env:NAME} or a value',
    ])
  })
})

describe('a file of another kind', () => {
  it('is refused with the formats that are known', () => {
    const known =
      'the format is not recognised; known: {"mcpServers": {...}}, {"servers": {...}} of VS Code, a list of servers, and ContextForge plugin YAML'
    expect(problems({ name: 'x' })).toEqual([`mcp.json:1:1: ${known}`])
    expect(problems('hello')).toEqual([`mcp.json:1:1: ${known}`])
    expect(problems('')).toEqual(['mcp.json:1:1: the file is empty'])
    expect(problems('{"a": 1, "a": 2}')).toEqual([
      'mcp.json:1:10: this key is in the mapping twice',
    ])
  })
})
