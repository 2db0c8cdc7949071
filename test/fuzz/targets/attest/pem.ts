// Fuzz target: text as PEM. What is read is what Node's base64 reads between the lines, and nothing is read that is not in a block.
import { Denial } from '../../../../src/attest/denial.ts'
import { pemOf, readPem } from '../../../../src/attest/format/pem.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { traitOf, valueOrDenial } from './refused.ts'

const BOUNDS = { bytes: 4096, blocks: 4 }

export const pem: Target = {
  name: 'pem',
  files: ['src/attest/format/pem.ts'],
  tokens: ['-----BEGIN ', '-----', '-----END CERTIFICATE-----', '\n', 'AAAA', '==', '='],
  runs: 6000,
  branches: 90,
  generate: (random) =>
    Buffer.from(
      Array.from({ length: random(50) === 0 ? 0 : random(10) === 0 ? 6 : 1 + random(3) }, () =>
        block(random),
      ).join(''),
    ),
  run(bytes) {
    const text = bytes.toString('latin1')
    const written = pemOf(bytes)
    holds(written.length > bytes.length, 'a text for whatever it is given')
    const blocks = valueOrDenial(() => readPem(text, BOUNDS))
    if (blocks instanceof Denial) return { accepted: false, trait: traitOf(blocks) }
    holds(blocks.length <= BOUNDS.blocks && text.length <= BOUNDS.bytes, 'it stays in its bounds')
    for (const one of blocks) {
      holds(text.includes(`-----BEGIN ${one.label}-----`), 'its label stands in the text')
      holds(one.bytes.length > 0, 'a block holds something')
      const [again] = readPem(pemOf(one.bytes), { ...BOUNDS, bytes: 2 * BOUNDS.bytes })
      holds(again !== undefined && one.bytes.length === again.bytes.length, 'what is written is read again') // biome-ignore format: a row
      const base64 = Buffer.from(one.bytes).toString('base64')
      holds(text.replace(/[\r\n\t ]/g, '').includes(base64.replace(/[^=]{0,2}=+$/, '')), 'its base64 stands in the text') // biome-ignore format: a row
    }
    return { accepted: blocks.length > 0, trait: `${blocks.length}` }
  },
}

function block(random: Random): string {
  const label = pick(random, ['CERTIFICATE', 'CERTIFICATE', 'X509 CRL', ''])
  const size = random(20) === 0 ? pick(random, [0, 4000]) : 1 + random(80)
  const body = Buffer.alloc(size, random(256)).toString('base64')
  const lines = pick(random, [body, body, body, body.replace(/.{16}/g, '$&\n'), `${body}=`])
  const end = random(12) === 0 ? 'OTHER' : label
  return `${pick(random, ['', 'text\n'])}-----BEGIN ${label}-----\n${lines}\n-----END ${end}-----\n`
}
