// What a person is told of a section `attestation` that is wrong: where, what, and what was probably meant; the files are real.
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inspectGateway } from '../../src/app/inspect/inspect.ts'
import { messageOf } from '../../src/base/errors.ts'
import { findingsOf } from '../../src/cli/output.ts'
import { formatProblem, type Problem } from '../../src/config/problem.ts'
import { temporaryFolder } from '../cli/shell.ts'

const CERTIFICATE = join(import.meta.dirname, '../fixtures/attestation/nitro/aws-nitro-root-g1.pem')

const POLICY = `version: 1
id: files-prod
tls:
  anchors: [prod-2026]
  identity: { any_of: [{ dns: files.example }] }
`

const ENTRY = '{ name: attestation, use: attest, grants: { attestation: true } }'

/** `section`: further lines of `attestation`. */
function gateway({
  policy = 'files-prod',
  file = 'ca.pem',
  policies = 'files.yaml',
  section = '',
  entry = ENTRY,
} = {}): string {
  return `version: 1
servers:
  - name: files
    url: https://files.example/mcp
    attestation: ${policy}
attestation:
  policies: [${policies}]
  anchors:
    prod-2026: { file: ${file} }
${section}plugins:
  enabled: true
  allowed: [attest]
  entries:
    - ${entry}
`
}

async function told(text: string, files: Readonly<Record<string, string>> = {}) {
  const folder = temporaryFolder({ 'gateway.yaml': text, 'files.yaml': POLICY, ...files })
  copyFileSync(CERTIFICATE, join(folder, 'ca.pem'))
  mkdirSync(join(folder, 'empty'))
  try {
    const inspection = await inspectGateway({ configFile: join(folder, 'gateway.yaml') })
    await inspection.close()
    return inspection.warnings.map((one) => formatProblem(one as Problem, { cwd: folder }))
  } catch (error) {
    const found = findingsOf(error)
    if (found.length === 0) return [messageOf(error).replaceAll(folder, '.')]
    return found.map((one) =>
      formatProblem(one as Problem, { cwd: folder }).replaceAll(folder, '.'),
    )
  }
}

describe('a section attestation', () => {
  it('that is right has no warning', async () => {
    expect(await told(gateway())).toEqual([])
  })

  it.each([
    [
      'a policy that a server names and that is not there',
      gateway({ policy: 'files-prd' }),
      'gateway.yaml:5:18: servers[0].attestation: no file of attestation.policies has the id "files-prd" (did you mean files-prod?)',
    ],
    [
      'a file of policies that is not there',
      gateway({ policies: 'absent.yaml' }),
      './absent.yaml: there is no such file, and attestation.policies or the command names it',
    ],
    [
      'the file of an anchor that is not there',
      gateway({ file: 'absent.pem' }),
      'gateway.yaml:9:24: attestation.anchors.prod-2026.file: ./absent.pem: there is no such file',
    ],
    [
      'the file of an anchor that holds no certificate',
      gateway({ file: 'gateway.yaml' }),
      'gateway.yaml:9:24: attestation.anchors.prod-2026.file: there is no certificate in ./gateway.yaml',
    ],
    [
      'a client certificate that is none',
      gateway({ section: '  client: { cert_file: ca.pem, key_file: ca.pem }\n' }),
      'gateway.yaml:10:11: attestation.client: no certificate and key in PEM that belong together',
    ],
    [
      'a folder of collateral without an index',
      gateway({ section: '  collateral: { directory: empty }\n' }),
      'gateway.yaml:10:28: attestation.collateral.directory: ./empty/index.json: there is no such file',
    ],
  ])('%s', async (_name, text, says) => {
    expect(await told(text)).toEqual([says])
  })

  it('whose policies name an anchor that is not there', async () => {
    const files = { 'files.yaml': POLICY.replace('prod-2026', 'prod-2062') }
    expect(await told(gateway(), files)).toEqual([
      'files.yaml:4:13: there is no anchor "prod-2062" in attestation.anchors or attestation.spiffe (did you mean prod-2026?)',
    ])
  })

  it.each([
    ['no grant', '{ name: attestation, use: attest }'],
    ['a mode that answers too late', ENTRY.replace('grants', 'mode: audit, grants')],
  ])('that nobody asks about is warned of: an entry with %s', async (_name, entry) => {
    expect(await told(gateway({ entry }))).toEqual([
      'gateway.yaml:7:13: attestation.policies: servers with a policy stay out, because no entry of plugins asks for their attestation: add { name: attestation, use: attest, grants: { attestation: true } }',
    ])
  })
})
