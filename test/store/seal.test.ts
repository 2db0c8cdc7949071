// Secrets at rest: what opens, what does not, and how keys are found, made and changed.
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createKeyRing, keySource } from '../../src/store/keys.ts'
import { createSealer, type SealPlace } from '../../src/store/seal.ts'

const [OLD, NEW, OTHER] = [1, 2, 3].map((n) => Buffer.alloc(32, n).toString('base64')) as [
  string,
  string,
  string,
]
const sealerOf = (...keys: string[]) => {
  const ring = createKeyRing(keys)
  return createSealer(() => ring)
}
const place: SealPlace = { kind: 'server', id: 'files', member: 'headers.authorization' }
const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
const places = fc.record({ kind: text, id: text, member: text })
const refused = (open: () => unknown, reason = '') =>
  expect(open).toThrow(
    expect.objectContaining({ code: 'STORE_SEALED', message: expect.stringContaining(reason) }),
  )

describe('a sealed text', () => {
  const sealer = sealerOf(OLD)

  it('opens where it was sealed', () => {
    fc.assert(
      fc.property(text, places, (secret, at) => {
        expect(sealer.open(sealer.seal(secret, at), at)).toBe(secret)
      }),
    )
    expect(sealer.open(sealer.seal('\ud800', place), place)).toBe('\ud800')
  })

  it('names its key in front, shows nothing, and is another each time', () => {
    const sealed = sealer.seal('geheim', place)
    expect(sealed).toMatch(/^sealed\.1\.[0-9a-f]{8}\.[\w-]{48}$/)
    expect(sealer.seal('geheim', place)).not.toBe(sealed)
  })

  it('that was changed in any character does not open', () => {
    fc.assert(
      fc.property(text, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (secret, at, by) => {
        const sealed = sealer.seal(secret, place)
        const index = at % sealed.length
        const changed = sealed.slice(0, index) + by + sealed.slice(index + 1)
        fc.pre(changed !== sealed)
        refused(() => sealer.open(changed, place))
      }),
    )
  })

  it('that was cut off or continued does not open', () => {
    const sealed = sealer.seal('geheim', place)
    for (let end = 0; end < sealed.length; end++)
      refused(() => sealer.open(sealed.slice(0, end), place))
    for (const more of ['A', 'AA', 'AAAA', '=', '.', '\n'])
      refused(() => sealer.open(sealed + more, place))
  })

  it('does not open at another place', () => {
    fc.assert(
      fc.property(places, places, (here, there) => {
        fc.pre(JSON.stringify(here) !== JSON.stringify(there))
        const sealed = sealer.seal('geheim', here)
        refused(() => sealer.open(sealed, there), 'belongs to another place')
      }),
    )
    const shifted = { kind: 'server', id: 'file', member: 'sheaders.authorization' }
    refused(() => sealer.open(sealer.seal('geheim', place), shifted))
  })

  it('does not open with other keys', () => {
    const sealed = sealer.seal('geheim', place)
    refused(() => sealerOf(NEW, OTHER).open(sealed, place), 'no key that is given has the id')
    const id = (key: string) => createKeyRing([key]).first.id
    const renamed = sealed.replace(id(OLD), id(NEW))
    refused(() => sealerOf(NEW).open(renamed, place), 'it was changed')
  })

  it('is refused by a message that shows neither it nor the secret', () => {
    const sealed = sealer.seal('geheim', place)
    try {
      sealer.open(`${sealed}x`, place)
      expect.unreachable()
    } catch (error) {
      const shown = `${(error as Error).message} ${JSON.stringify(error)}`
      expect(shown).toContain('server files: the secret headers.authorization cannot be opened')
      expect(shown).not.toContain(sealed.slice(20))
    }
  })

  it('of somebody who writes what he likes is no sealed text', () => {
    fc.assert(
      fc.property(text, (any) => {
        refused(() => sealer.open(any, place))
      }),
    )
    refused(() => sealer.open('geheim', place), 'it is not a sealed text')
  })
})

describe('a new key', () => {
  it('in front seals, and what was sealed before still opens', () => {
    const sealed = sealerOf(OLD).seal('geheim', place)
    const both = sealerOf(NEW, OLD)
    expect(both.open(sealed, place)).toBe('geheim')
    expect(sealerOf(NEW).open(both.seal('neu', place), place)).toBe('neu')
  })

  it('replaces the old one where it is sealed anew', () => {
    const both = sealerOf(NEW, OLD)
    const resealed = both.reseal(sealerOf(OLD).seal('geheim', place), place) as string
    expect(both.reseal(resealed, place)).toBeUndefined()
    expect(sealerOf(NEW).open(resealed, place)).toBe('geheim')
    refused(() => sealerOf(OLD).open(resealed, place))
    refused(() => both.reseal(`${resealed}A`, place))
  })

  it('that is no key is refused', () => {
    for (const key of ['', 'c2hvcnQ=', `${OLD}AAAA`, randomBytes(33).toString('base64'), `${OLD} `])
      refused(() => createKeyRing([key]), 'a key is not 32 bytes as base64')
    refused(() => createKeyRing([]), 'there is no key')
  })
})

describe('without configured keys', () => {
  let folder: string
  let file: string
  const options = () => ({ url: `sqlite:${join(folder, 'data', 'portcullis.db')}`, pool: 5 })
  const sealerHere = () => createSealer(keySource(options()))

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'store-'))
    file = join(folder, 'data', 'portcullis.key')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('a key file is made beside the database at the first secret, its owner’s alone', () => {
    const sealer = sealerHere()
    expect(existsSync(file)).toBe(false)
    const sealed = sealer.seal('geheim', place)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'data')).mode & 0o777).toBe(0o700)
    expect(readdirSync(join(folder, 'data'))).toEqual(['portcullis.key'])
    expect(sealerHere().open(sealed, place)).toBe('geheim')
  })

  it('a key put in front of the file’s own is the one that seals', () => {
    const sealed = sealerHere().seal('geheim', place)
    writeFileSync(file, `${NEW}\n${readFileSync(file, 'utf8')}`)
    expect(sealerHere().open(sealed, place)).toBe('geheim')
    expect(sealerOf(NEW).open(sealerHere().seal('neu', place), place)).toBe('neu')
  })

  it('a key file that others may read, that is a link, or holds no key is refused', () => {
    sealerHere().seal('geheim', place)
    chmodSync(file, 0o640)
    refused(() => sealerHere().seal('geheim', place), 'others may read it')
    rmSync(file)
    writeFileSync(file, 'none\n', { mode: 0o600 })
    refused(() => sealerHere().seal('geheim', place), 'a key is not 32 bytes')
    writeFileSync(file, '')
    refused(() => sealerHere().seal('geheim', place), 'there is no key')
    rmSync(file)
    const elsewhere = join(folder, 'elsewhere')
    writeFileSync(elsewhere, `${OLD}\n`, { mode: 0o600 })
    symlinkSync(elsewhere, file)
    refused(() => sealerHere().seal('geheim', place), 'ELOOP')
  })

  it('a store in memory has a key of its own, and one in PostgreSQL none', () => {
    const memory = createSealer(keySource({ url: 'sqlite::memory:', pool: 5 }))
    expect(memory.open(memory.seal('geheim', place), place)).toBe('geheim')
    const shared = createSealer(keySource({ url: 'postgres://localhost/x', pool: 5 }))
    refused(() => shared.seal('geheim', place), 'needs store.keys')
  })
})
