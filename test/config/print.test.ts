// What `validate --print` shows: the resolved file, who set each value, and no secrets.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what substitutions look like
import { describe, expect, it } from 'vitest'
import { configLoader } from '../../src/app/sections.ts'
import { printConfig, shownConfig } from '../../src/config/print.ts'

const loader = configLoader()
const env = { PORT: '9000', SEARCH_KEY: 'hunter2', WHERE: 'example.com' }

async function print(text: string): Promise<string> {
  return printConfig(await loader.parse(text, { file: '/etc/gateway.yaml', env }), { cwd: '/etc' })
}

/** The lines of the sections asked for. */
async function section(name: string, text: string): Promise<string> {
  const printed = await print(text)
  return new RegExp(`^${name}:.*\\n(?:  .*\\n)*`, 'm').exec(printed)?.[0] ?? ''
}

describe('the printed configuration', () => {
  it('shows every value with its origin', async () => {
    const text =
      'version: 1\nlisten: { port: "${env:PORT}", host: 0.0.0.0, allowed_hosts: [a.example] }\n'
    expect(await section('listen', text)).toBe(
      [
        'listen:',
        '  port: 9000 # ${env:PORT} at gateway.yaml:2:17',
        '  host: 0.0.0.0 # gateway.yaml:2:38',
        '  allowed_hosts:',
        '    - a.example # gateway.yaml:2:63',
        '  path: /mcp # default',
        '  answers: json # default',
        '  allowed_origins: [] # default',
        '',
      ].join('\n'),
    )
  })

  it('hides headers, environments, credentials in URLs and arguments, and members named like secrets', async () => {
    const text = `version: 1
servers:
  - name: a
    url: https://example.com/mcp?token=hunter2
    headers: { X-Trace: hunter2 }
  - name: b
    command: node
    args: ["--db=postgres://me:hunter2@db", --api-key, hunter2, --token=hunter2, "--where=\${env:WHERE}"]
    env: { ANY: hunter2 }
plugins:
  entries:
    - { name: c, use: x, config: { password: hunter2, list: [{ token: hunter2 }], free: "\${env:WHERE}" } }
`
    const printed = await print(text)
    expect(printed).not.toContain('hunter2')
    expect(printed).toContain('url: https://example.com/mcp?token=[redacted] #')
    expect(printed).toContain('- --db=postgres://me:[redacted]@db #')
    expect(printed).toContain('- --where=example.com # ${env:WHERE} at gateway.yaml:8:82')
    expect(printed).toContain('free: "[redacted]" # ${env:WHERE} at')
  })

  it('hides what came from a variable that is named like a secret, and never shows a written default', async () => {
    const text =
      'version: 1\nlisten: { host: "${env:SEARCH_KEY}", path: "/${env:NONE_TOKEN:-hunter2}" }\n'
    const printed = await section('listen', text)
    expect(printed).not.toContain('hunter2')
    expect(printed).toContain('path: "[redacted]" # ${env:NONE_TOKEN} at gateway.yaml:2:44')
  })

  it('can be loaded again where nothing is hidden', async () => {
    const text = 'version: 1\nlisten: { port: 1 }\nplugins: { enabled: true, allowed: [rules] }\n'
    const first = await loader.parse(text)
    const second = await loader.parse(printConfig(first))
    expect(second.digest).toBe(first.digest)
  })
})

describe('the configuration that policies see', () => {
  it('has resolved values and no secrets', async () => {
    const loaded = await loader.parse(
      'version: 1\nlimits: { drain: 5s }\nservers: [{ name: a, url: "https://a.example", headers: { A: hunter2 } }]\n',
    )
    expect(shownConfig(loaded)).toMatchObject({
      limits: { drain: 5000 },
      servers: [{ name: 'a', headers: { A: '[redacted]' } }],
    })
    expect(loaded.config.servers[0]?.headers).toEqual({ A: 'hunter2' })
  })
})
