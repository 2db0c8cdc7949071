// Changes of real files on a real disk.
import { writeFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ConfigWatcher, watchConfig } from '../../src/config/watch.ts'

let folder: string
let watcher: ConfigWatcher | undefined
let calls: number
let waiting: (() => void)[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-watch-'))
  calls = 0
  waiting = []
})
afterEach(async () => {
  watcher?.close()
  await rm(folder, { recursive: true })
})

function onChange(): void {
  calls++
  for (const resume of waiting.splice(0)) resume()
}

/** Resolves at the next report. */
function changed(): Promise<void> {
  return new Promise((resume) => waiting.push(resume))
}

const quiet = (ms = 120) => new Promise((resume) => setTimeout(resume, ms))

async function start(files: string[], folders: string[] = []): Promise<void> {
  watcher = await watchConfig(
    { files: files.map((name) => join(folder, name)), folders },
    onChange,
    { debounce: 40 },
  )
}

describe('a watched configuration', () => {
  it('is reported once for many writes in a row', async () => {
    const file = join(folder, 'a.yaml')
    await writeFile(file, '1')
    await start(['a.yaml'])
    const report = changed()
    // nothing else runs in between, however busy the machine is
    for (let count = 0; count < 5; count++) writeFileSync(file, String(count))
    await report
    await quiet()
    expect(calls).toBe(1)
  })

  it('is reported when an editor replaces the file, every time', async () => {
    await writeFile(join(folder, 'a.yaml'), '1')
    await start(['a.yaml'])
    for (let count = 0; count < 2; count++) {
      const report = changed()
      await writeFile(join(folder, '.a.yaml.swp'), 'new')
      await rename(join(folder, '.a.yaml.swp'), join(folder, 'a.yaml'))
      await report
      await quiet()
    }
    expect(calls).toBe(2)
  })

  it('is reported when the link beside it is swapped, as container platforms do', async () => {
    for (const version of ['..1', '..2']) {
      await mkdir(join(folder, version))
      await writeFile(join(folder, version, 'a.yaml'), version)
    }
    await symlink('..1', join(folder, '..data'))
    await symlink('..data/a.yaml', join(folder, 'a.yaml'))
    await start(['a.yaml'])
    const report = changed()
    await symlink('..2', join(folder, '..data_tmp'))
    await rename(join(folder, '..data_tmp'), join(folder, '..data'))
    await report
    expect(calls).toBeGreaterThanOrEqual(1)
  })

  it('is reported for a new file in a folder that a pattern includes, and not for other files', async () => {
    await writeFile(join(folder, 'a.yaml'), '1')
    await mkdir(join(folder, 'parts'))
    await start(['a.yaml'], [join(folder, 'parts')])
    await writeFile(join(folder, 'notes.txt'), 'x')
    await writeFile(join(folder, 'parts', 'notes.txt'), 'x')
    await quiet()
    expect(calls).toBe(0)
    const report = changed()
    await writeFile(join(folder, 'parts', 'new.yaml'), 'x')
    await report
  })

  it('is watched under its new names after an update', async () => {
    await writeFile(join(folder, 'b.yaml'), '1')
    await start(['a.yaml'])
    await watcher?.update({ files: [join(folder, 'b.yaml')] })
    const report = changed()
    await writeFile(join(folder, 'b.yaml'), '2')
    await report
    expect(calls).toBe(1)
  })

  it('is not reported any more after closing', async () => {
    await writeFile(join(folder, 'a.yaml'), '1')
    await start(['a.yaml'])
    await writeFile(join(folder, 'a.yaml'), '2')
    watcher?.close()
    await quiet()
    expect(calls).toBe(0)
  })

  it('never runs the report twice at a time, and reports once more what happened meanwhile', async () => {
    const file = join(folder, 'a.yaml')
    await writeFile(file, '1')
    let running = 0
    let most = 0
    let runs = 0
    let begun: () => void = () => {}
    const first = new Promise<void>((resume) => {
      begun = resume
    })
    watcher = await watchConfig(
      { files: [file] },
      async () => {
        runs++
        most = Math.max(most, ++running)
        begun()
        await quiet(150)
        running--
      },
      { debounce: 20 },
    )
    await writeFile(file, '2')
    await first
    await writeFile(file, '3')
    await expect.poll(() => runs, { timeout: 3000 }).toBe(2)
    await expect.poll(() => running, { timeout: 3000 }).toBe(0)
    expect(most).toBe(1)
  })

  it('tells of a folder that is not there and goes on', async () => {
    const errors: Error[] = []
    watcher = await watchConfig({ files: [join(folder, 'gone/a.yaml')] }, onChange, {
      onError: (error) => errors.push(error),
    })
    expect(errors).toMatchObject([{ code: 'ENOENT' }])
  })
})
