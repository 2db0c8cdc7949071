// Fuzz target: bytes as lines of an audit file. Nothing is taken for a line of a chain that does not end as one, and no changed byte of a real one fits.
import { generateKeyPairSync } from 'node:crypto'
import { LineChain, readLine } from '../../../src/audit/line.ts'
import { lineOf } from '../../../src/audit/record.ts'
import { CHECKPOINT, createSigner, link } from '../../../src/base/chain.ts'
import { holds } from '../holds.ts'
import { pick } from '../random.ts'
import type { Target } from '../target.ts'

const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
const signer = createSigner(String(pem))

export const auditLine: Target = {
  name: 'audit-line',
  files: ['src/audit/line.ts'],
  tokens: ['"chain":"', '"n":', '"hash":"', '"}', ',', '{"time":"', '\\"', 'A'.repeat(43)],
  runs: 3000,
  branches: 90,
  run(given, random) {
    // as a line, or as the content of one
    const bytes = random(2) === 0 ? given : Buffer.from(`${lineWith(given)}${TAIL}`)
    const line = readLine(bytes)
    if (line) {
      const tail = `,"chain":"${line.head.chain}","n":`
      holds(Buffer.from(line.body).toString('latin1').includes(tail), 'the digest covers the place')
      holds(bytes.subarray(0, line.body.length).equals(line.body), 'a body is the line itself')
    }
    const signs = pick(random, [signer, undefined])
    const chain = new LineChain({ id: 'fuzz', signer: signs, wall: () => 0 })
    const previous = chain.begin({ previous: [] }).split('\n').at(-2) as string
    const text = chain.line(lineOf({ time: 0, seq: 1, kind: 'fault', reason: given.toString() }), 1)
    const own = Buffer.from(text.slice(0, -1))
    const before = readLine(Buffer.from(previous))?.head.hash ?? ''
    const read = readLine(own)
    holds(read?.head.n === (signs ? 3 : 2), 'what a chain writes is read again')
    holds(link(before, read?.body ?? '') === read?.head.hash, 'and fits')
    goesOn(chain, signs !== undefined, random(500) === 0 ? CHECKPOINT.records : 1)
    const at = random(own.length)
    own[at] = (own[at] as number) ^ (1 + random(255))
    const changed = readLine(own)
    holds(
      changed === undefined || link(before, changed.body) !== changed.head.hash,
      'a changed byte does not fit',
    )
    return { accepted: line !== undefined, trait: line ? 'a line' : 'no line' }
  },
}

const TAIL = `,"chain":"abc","n":2,"hash":"${'A'.repeat(43)}"}`

function lineWith(bytes: Buffer): string {
  return JSON.stringify({ reason: bytes.toString() }).slice(0, -1)
}

function goesOn(chain: LineChain, signed: boolean, records: number): void {
  holds(chain.begun && chain.unsigned === signed, 'a record waits for its signature')
  let text = ''
  for (let seq = 2; seq < 2 + records; seq++) text += chain.line('{"kind":"fault"}', seq)
  holds(records === 1 || text.includes('"checkpoint"') === signed, 'many are signed by themselves')
  chain.checkpoint()
  holds(chain.checkpoint() === '', 'nothing is signed twice')
  holds(
    readLine(Buffer.from(chain.pruned({ anchors: [] }).trimEnd())) !== undefined,
    'it is a line',
  )
}
