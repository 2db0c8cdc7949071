// `portcullis.lock`: read back as it was written, never half, for its owner only, and refused where it is not what it should be.
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type Lock,
  lockPath,
  parseLock,
  pinOf,
  readLock,
  writeLock,
} from '../../src/registry/lock.ts'
import { type TemporaryDirectory, temporaryDirectory } from '../support/directory.ts'
import '../support/property.ts'

const PIN = `sha256:${'a'.repeat(64)}`
const OTHER = `sha256:${'b'.repeat(64)}`
let directory: TemporaryDirectory
let path: string

beforeEach(async () => {
  directory = await temporaryDirectory()
  path = lockPath(`${directory.path}/gateway.yaml`)
})
afterEach(() => directory[Symbol.asyncDispose]())

it('is empty where there is none', async () => {
  expect(await readLock(path)).toEqual(new Map())
})

it('is read as it was written, in one order, by its owner only, with nothing left beside it', async () => {
  const approved = { digest: PIN, by: 'alice', at: '2026-11-28T00:00:00Z' }
  const lock: Lock = new Map([
    ['server b', { approved }],
    ['server a', { pin: PIN }],
  ])
  await writeLock(path, lock)
  expect(await readLock(path)).toEqual(
    new Map([
      ['server a', { pin: PIN }],
      ['server b', { approved }],
    ]),
  )
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readdir(directory.path)).toEqual(['portcullis.lock'])
  expect((await readFile(path, 'utf8')).indexOf('server a')).toBeLessThan(
    (await readFile(path, 'utf8')).indexOf('server b'),
  )
})

it('is refused when others can write it', async () => {
  await writeLock(path, new Map())
  await chmod(path, 0o622)
  await expect(readLock(path)).rejects.toMatchObject({ code: 'CONFIG_UNSAFE_FILE' })
})

it('stays as it was when it cannot be written', async () => {
  await expect(
    writeLock(`${directory.path}/none/portcullis.lock`, new Map()),
  ).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
  })
  expect(await readdir(directory.path)).toEqual([])
})

it.each([
  ['no JSON', '{'],
  ['another version', '{"version":2,"entries":{}}'],
  ['a pin that is none', '{"version":1,"entries":{"server a":{"pin":"sha256:12"}}}'],
  ['keys that are not known', '{"version":1,"entries":{"server a":{"colour":"red"}}}'],
  ['half an approval', `{"version":1,"entries":{"server a":{"approved":{"digest":"${PIN}"}}}}`],
])('is refused with %s', async (_, text) => {
  await writeFile(path, text, { mode: 0o600 })
  await expect(readLock(path)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

it('whatever stands in it is read or refused, and nothing else happens', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      try {
        expect(parseLock(text, 'x')).toBeInstanceOf(Map)
      } catch (error) {
        expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
      }
    }),
  )
})

it('counts after what the configuration says itself', () => {
  expect(pinOf({ digest: OTHER }, { pin: PIN })).toBe(OTHER)
  expect(pinOf({}, { pin: PIN })).toBe(PIN)
  expect(pinOf({}, undefined)).toBeUndefined()
})
