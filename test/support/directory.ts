// A private temporary directory with given files, removed when disposed.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string
  write(name: string, content: string): Promise<string>
}

export async function temporaryDirectory(
  files: Record<string, string> = {},
): Promise<TemporaryDirectory> {
  // mkdtemp makes the directory 0700.
  const path = await mkdtemp(join(tmpdir(), 'portcullis-'))
  const write = async (name: string, content: string) => {
    const file = join(path, name)
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    await writeFile(file, content, { mode: 0o600 })
    return file
  }
  for (const [name, content] of Object.entries(files)) await write(name, content)
  return {
    path,
    write,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}
