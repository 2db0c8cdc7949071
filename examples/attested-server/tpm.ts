// A TPM 2.0 by tpm2-tools: its keys, quotes over its registers, and activation. Knows nothing of MCP or of challenges.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Quote {
  /** TPMS_ATTEST, as signed. */
  readonly quote: Buffer
  /** TPMT_SIGNATURE. */
  readonly signature: Buffer
  /** Bank to register to value in hex. */
  readonly pcrs: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface Tpm {
  /** TPMT_PUBLIC of the attestation key. */
  readonly akPublic: Buffer
  /** The attestation key, SubjectPublicKeyInfo in DER. */
  readonly akSpki: Buffer
  /** TPMT_PUBLIC of the endorsement key. */
  readonly ekPublic: Buffer
  /** `registers`: such as `{ sha256: [0, 7] }`; `nonce`: at most 32 bytes are safe with any TPM. */
  quote(nonce: Uint8Array, registers: Readonly<Record<string, readonly number[]>>): Promise<Quote>
  /** Adds to a register what was measured: SHA-256 in hex. */
  extend(register: number, sha256: string): Promise<void>
  /** What a verifier encrypted for this TPM and this attestation key (TPM2_MakeCredential). */
  activate(credential: Uint8Array, secret: Uint8Array): Promise<Buffer>
}

export interface TpmKeys {
  /** What the attestation key signs with. */
  readonly scheme?: 'ecdsa' | 'rsassa' | 'rsapss'
  /** The kind of the endorsement key. */
  readonly ek?: 'rsa' | 'ecc'
}

/**
 * Makes an endorsement key and an attestation key under it. `tcti`: how the tools reach the TPM, `device:/dev/tpmrm0` for the one
 * of the machine. `folder`: for the tools' files, private.
 */
export async function openTpm(
  tcti: string,
  folder: string,
  { scheme = 'ecdsa', ek = 'rsa' }: TpmKeys = {},
): Promise<Tpm> {
  const file = (name: string) => join(folder, name)
  let last: Promise<unknown> = Promise.resolve()
  // one command at a time: a TPM without resource manager has room for three objects
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work)
    last = next.catch(() => {})
    return next
  }
  const tool = async (name: string, ...args: string[]) => {
    const env = { ...process.env, TPM2TOOLS_TCTI: tcti }
    await run(`tpm2_${name}`, args, { cwd: folder, env, timeout: 30_000 })
  }
  const release = () => tool('flushcontext', '--transient-object')

  const algorithm = scheme === 'ecdsa' ? 'ecc' : 'rsa'
  await tool('createek', '-Q', '-c', 'ek.ctx', '-G', ek, '-u', 'ek.pub')
  await release()
  const how = ['-G', algorithm, '-g', 'sha256', '-s', scheme]
  await tool('createak', '-Q', '-C', 'ek.ctx', '-c', 'ak.ctx', ...how, '-u', 'ak.pub')
  await release()
  await tool('readpublic', '-Q', '-c', 'ak.ctx', '-f', 'der', '-o', 'ak.der')
  await release()
  // the files begin with the size of what follows
  const area = async (name: string) => (await readFile(file(name))).subarray(2)

  const quote: Tpm['quote'] = (nonce, registers) =>
    alone(async () => {
      const selection = Object.entries(registers).map(([bank, list]) => `${bank}:${list.join()}`)
      const out = ['-m', 'quote', '-s', 'signature', '-o', 'values', '-F', 'values']
      const qualifying = ['--scheme', scheme, '-q', Buffer.from(nonce).toString('hex')]
      await tool('quote', '-Q', '-c', 'ak.ctx', '-l', selection.join('+'), ...qualifying, ...out)
      await release()
      const values = await readFile(file('values'))
      return {
        quote: await readFile(file('quote')),
        signature: await readFile(file('signature')),
        pcrs: valuesByBank(values, registers),
      }
    })

  const activate: Tpm['activate'] = (credential, secret) =>
    alone(async () => {
      // how the tools keep the two: a magic number and a version in front
      const head = Buffer.from('badcc0de00000001', 'hex')
      await writeFile(file('credential'), Buffer.concat([head, credential, secret]))
      await tool('startauthsession', '--policy-session', '-S', 'session.ctx')
      try {
        await tool('policysecret', '-Q', '-S', 'session.ctx', '-c', 'e')
        const keys = ['-c', 'ak.ctx', '-C', 'ek.ctx', '-P', 'session:session.ctx']
        await tool('activatecredential', '-Q', ...keys, '-i', 'credential', '-o', 'activated')
      } finally {
        await tool('flushcontext', 'session.ctx')
        await release()
      }
      return readFile(file('activated'))
    })

  return {
    akPublic: await area('ak.pub'),
    akSpki: await readFile(file('ak.der')),
    ekPublic: await area('ek.pub'),
    quote,
    extend: (register, sha256) => alone(() => tool('pcrextend', `${register}:sha256=${sha256}`)),
    activate,
  }
}

const SIZES: Readonly<Record<string, number>> = { sha256: 32, sha384: 48, sha512: 64 }

/** The tools write them one after the other, in the order of the selection. */
function valuesByBank(
  values: Buffer,
  registers: Readonly<Record<string, readonly number[]>>,
): Quote['pcrs'] {
  let at = 0
  const pcrs: Record<string, Record<string, string>> = {}
  for (const [bank, list] of Object.entries(registers)) {
    const size = SIZES[bank] ?? 0
    const read: Record<string, string> = {}
    for (const register of [...list].sort((a, b) => a - b)) {
      read[register] = values.toString('hex', at, at + size)
      at += size
    }
    pcrs[bank] = read
  }
  return pcrs
}
