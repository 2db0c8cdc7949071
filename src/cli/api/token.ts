// What proves to the admin API who asks: from a file or the environment, never from the command line, which everybody on the machine can read.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { UsageError } from '../exit.ts'
import type { Output } from '../output.ts'
import type { Shell } from '../shell.ts'
import type { Address } from './address.ts'
import type { ApiOptions } from './options.ts'

export interface Token {
  readonly text: string
  /** Where it came from, to be told when it is refused. */
  readonly from: string
}

const MOST_BYTES = 16 * 1024
// RFC 6750 section 2.1; what is shorter is a mistake, and could not be kept out of what is printed
const TOKEN = /^[A-Za-z0-9\-._~+/]{8,}=*$/

/** Throws UsageError, which never repeats a token. */
export async function findToken(
  options: ApiOptions,
  { tokenFile }: Pick<Address, 'tokenFile'>,
  shell: Shell,
  output: Pick<Output, 'warn'>,
): Promise<Token> {
  if (options.token !== undefined)
    throw new UsageError(
      '--token: others on this machine can read command lines; use --token-file or PORTCULLIS_TOKEN',
    )
  if (options.tokenFile !== undefined) {
    const file = resolve(shell.cwd, options.tokenFile)
    const found = await readToken(file)
    if (found === undefined) throw new UsageError(`--token-file: ${file} is not there`)
    if (found.open) output.warn(`${file} can be read by others; make it its owner's alone`)
    return { text: checked(found.text, file), from: file }
  }
  const variable = shell.env.PORTCULLIS_TOKEN
  if (variable) return { text: checked(variable, 'PORTCULLIS_TOKEN'), from: 'PORTCULLIS_TOKEN' }
  const found = tokenFile === undefined ? undefined : await readToken(tokenFile)
  if (tokenFile === undefined || found === undefined)
    throw new UsageError(
      `no token: set PORTCULLIS_TOKEN or give --token-file${tokenFile === undefined ? '' : `; there is no first token in ${tokenFile}`}`,
    )
  // the gateway made it for one reader: if that has changed, somebody else did
  if (found.open)
    throw new UsageError(`${tokenFile} can be read by others; revoke that token and chmod 600`)
  return { text: checked(found.text, tokenFile), from: tokenFile }
}

async function readToken(file: string): Promise<{ text: string; open: boolean } | undefined> {
  try {
    const handle = await open(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    try {
      const info = await handle.stat()
      if (!info.isFile()) throw new Error('not a regular file')
      if (info.size > MOST_BYTES) throw new Error(`larger than ${MOST_BYTES} bytes`)
      const text = (await handle.readFile('utf8')).trim()
      return { text, open: process.platform !== 'win32' && (info.mode & 0o077) !== 0 }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new UsageError(`the token file ${file} cannot be read: ${messageOf(error)}`)
  }
}

function checked(text: string, from: string): string {
  if (text.length <= MOST_BYTES && TOKEN.test(text)) return text
  throw new UsageError(`${from}: what is there is no token: one word without spaces, such as pcl_…`)
}
