// A TPM in software (swtpm) in a folder of its own, for machines without one: everything is real but that nobody vouches for it.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTpm, type Tpm, type TpmKeys } from './tpm.ts'

/** The programs it takes that are not on this machine. */
export function missingPrograms(): string[] {
  return ['swtpm', 'tpm2_quote'].filter((name) => spawnSync(name, ['--version']).error)
}

export interface SoftwareTpm extends Tpm, AsyncDisposable {}

const DEADLINE = 10_000

export async function startSoftwareTpm(keys?: TpmKeys): Promise<SoftwareTpm> {
  // mkdtemp makes the folder 0700, and its sockets are in it: nobody else reaches this TPM
  const folder = await mkdtemp(join(tmpdir(), 'tpm-'))
  const socket = join(folder, 'tpm')
  const args = ['socket', '--tpm2', '--tpmstate', `dir=${folder}`]
  const sockets = [
    '--server',
    `type=unixio,path=${socket}`,
    '--ctrl',
    `type=unixio,path=${socket}.ctrl`,
  ]
  const flags = ['--flags', 'not-need-init,startup-clear']
  const child = spawn('swtpm', [...args, ...sockets, ...flags], { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const stop = async () => {
    kill()
    await ended
    process.removeListener('exit', kill)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const late = Date.now() + DEADLINE
    while (!existsSync(socket)) {
      if (Date.now() > late || child.exitCode !== null) throw new Error('swtpm does not start')
      await sleep(20)
    }
    const tpm = await openTpm(`swtpm:path=${socket}`, folder, keys)
    return { ...tpm, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}
