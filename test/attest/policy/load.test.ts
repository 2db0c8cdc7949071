// Policies from files: patterns, files that may not be trusted, names that two have, anchors that are not there; and collateral from a folder.
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readCollateralFolder } from '../../../src/app/attestation/collateral-folder.ts'
import { loadPolicies } from '../../../src/app/attestation/policies.ts'
import { messageOf } from '../../../src/base/errors.ts'
import { tdxPolicy } from './world.ts'

function folder(files: Readonly<Record<string, string>>): string {
  const made = mkdtempSync(join(tmpdir(), 'portcullis-policies-'))
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(made, name), text, { mode: 0o600 })
  return made
}
const named = (id: string): string => tdxPolicy().replace('id: confidential', `id: ${id}`)
const refusal = async (work: Promise<unknown>, at: string): Promise<string> =>
  work.then(
    () => 'not refused',
    (error: unknown) => messageOf(error).replaceAll(`${at}/`, ''),
  )

describe('policies of a pattern', () => {
  it('are read in the order of their names, with what a watcher watches', async () => {
    const at = folder({
      'b.yaml': named('two'),
      'a.yaml': named('one'),
      'c.txt': 'x',
      '.d.yaml': '',
    })
    const loaded = await loadPolicies([join(at, '*.yaml'), join(at, 'a.yaml')])
    expect(loaded.policies.map(({ id }) => id)).toEqual(['one', 'two'])
    expect(loaded.files).toEqual([join(at, 'a.yaml'), join(at, 'b.yaml')])
    expect(loaded.folders).toEqual([at])
    expect(loaded.warnings).toEqual([])
  })

  it('are refused where there is none, in a folder of a star, and in one that is not there', async () => {
    const at = folder({})
    const load = (pattern: string) => refusal(loadPolicies([join(at, pattern)]), at)
    expect(await load('*.yaml')).toBe('*.yaml: no file is named like this')
    expect(await load('*/a.yaml')).toBe(
      '*/a.yaml: a * may stand in the file name only, not in the folder',
    )
    expect(await load('absent/*.yaml')).toBe('absent/*.yaml: the folder absent cannot be read')
    expect(await load('absent.yaml')).toContain('there is no such file')
  })

  it('are refused where everyone may write them, or add one', async () => {
    const at = folder({ 'a.yaml': named('one') })
    chmodSync(join(at, 'a.yaml'), 0o602)
    expect(await refusal(loadPolicies([join(at, 'a.yaml')]), at)).toContain('written by everyone')
    chmodSync(join(at, 'a.yaml'), 0o600)
    chmodSync(at, 0o777)
    expect(await refusal(loadPolicies([join(at, '*.yaml')]), at)).toContain(
      'everyone can add files',
    )
  })

  it('are told all at once, each at its place', async () => {
    const at = folder({
      'a.yaml': named('one'),
      'b.yaml': named('one'),
      'c.yaml': named('three').replace('rv:td]', 'rv:no]'),
    })
    const said = await refusal(loadPolicies([join(at, '*.yaml')]), at)
    expect(said.split('\n')).toEqual([
      'b.yaml:2:5: id: the policy "one" is already in a.yaml',
      'c.yaml:5:30: there is no rv:no in reference_values (did you mean rv:td?)',
    ])
  })
})

describe('anchors of a policy', () => {
  const text = `version: 1
id: tls
tls:
  anchors: [prod-root, prod-rot]
  identity: { any_of: [{ dns: files.example }] }
`

  it('are those of the configuration', async () => {
    const at = folder({ 'a.yaml': text })
    const load = (...names: string[]) =>
      refusal(loadPolicies([join(at, 'a.yaml')], { anchors: new Set(names) }), at)
    expect(await load('prod-root', 'prod-rot')).toBe('not refused')
    expect(await load('prod-root')).toBe(
      'a.yaml:4:24: there is no anchor "prod-rot" in attestation.anchors or attestation.spiffe (did you mean prod-root?)',
    )
  })
})

describe('collateral of a folder', () => {
  const read = (index: unknown, more: Readonly<Record<string, string>> = {}) => {
    const text = typeof index === 'string' ? index : JSON.stringify(index)
    const at = folder({ 'a.crl': 'bytes', 'index.json': text, ...more })
    return { at, collateral: readCollateralFolder(at) }
  }
  const refused = async (index: unknown): Promise<string> => {
    const { at, collateral } = read(index)
    return refusal(collateral, at)
  }

  it('is the bytes by id, with headers, received when it says or when it was written', async () => {
    const { collateral } = read({
      'crl:1': { file: 'a.crl', headers: { chain: 'x' }, received_at: '2026-11-28T00:00:00Z' },
      'crl:2': { file: 'a.crl' },
    })
    const found = await collateral
    expect(found.get('crl:1')).toEqual({
      bytes: Buffer.from('bytes'),
      headers: { chain: 'x' },
      receivedAt: Date.parse('2026-11-28T00:00:00Z'),
    })
    expect(found.get('crl:2')?.receivedAt).toBeGreaterThan(Date.parse('2026-01-01'))
  })

  it('is refused where its index is not one, or leads out of the folder', async () => {
    expect(await refused('{')).toContain('index.json: no JSON')
    expect(await refused([])).toBe('index.json: no object of ids')
    for (const file of ['../a.crl', '/etc/passwd', '', '.', 'sub/a.crl', 7])
      expect(await refused({ a: { file } })).toBe(
        'index.json: a: file is no name of a file in the folder',
      )
    expect(await refused({ a: { file: 'a.crl', headers: { b: 1 } } })).toBe(
      'index.json: a: headers',
    )
    expect(await refused({ a: { file: 'a.crl', received_at: 'noon' } })).toBe(
      'index.json: a: received_at is no time',
    )
    expect(await refused({ a: { file: 'absent' } })).toBe('absent: there is no such file')
    expect(await refusal(readCollateralFolder('/absent'), '')).toContain('there is no such file')
    expect(
      await refused(Object.fromEntries(Array.from({ length: 1025 }, (_, at) => [at, {}]))),
    ).toBe('index.json: more than 1024 documents')
  })
})
