// Fuzz target: bytes as an OCSP response. Whatever they are, only a response with a real signature says good.
import { Denial } from '../../../../src/attest/denial.ts'
import {
  type OcspResponse,
  ocspRequest,
  parseOcspResponse,
} from '../../../../src/attest/format/ocsp.ts'
import {
  checkRevocation,
  type RevocationQuestion,
  revocationNeeds,
} from '../../../../src/attest/path/revocation.ts'
import { commonName, DAY, extension, fixedKeys, makeLeaf, makeOcsp, makeResponder, makeRoot, NOW, OID, ocspAt } from '../../../support/authority.ts' // biome-ignore format: a row
import { der } from '../../../support/der-writer.ts'
import { holds } from '../../holds.ts'
import { pick, type Random } from '../../random.ts'
import type { Target } from '../../target.ts'
import { traitOf, valueOrDenial } from './refused.ts'

const root = makeRoot({ serial: 1, keys: fixedKeys(1) })
const leaf = makeLeaf(root, {
  serial: 2,
  keys: fixedKeys(2),
  extensions: { [OID.authorityInfoAccess]: ocspAt('http://ocsp.example.com/') },
})
const keys = fixedKeys(3)
const responder = makeResponder(root, { serial: 3, keys })
const mute = makeResponder(root, { serial: 4, keys, extensions: { [OID.ocspNoCheck]: undefined } })
const wrong = makeResponder(root, { serial: 5, keys, extensions: { [OID.extKeyUsage]: undefined } })
const other = makeRoot({ serial: 6, keys: fixedKeys(4) })
const stranger = makeResponder(other, { serial: 7, keys })
const NONCE = Buffer.alloc(16, 1)
const of = leaf.certificate

const GENUINE: readonly Buffer[] = [
  makeOcsp(of, root),
  makeOcsp(of, root, { byKey: true, hash: 'sha256', nextUpdate: false }),
  // a staple is an answer to somebody else's request, so its nonce is another one
  makeOcsp(of, root, { nonce: Buffer.alloc(8) }),
  makeOcsp(of, root, { signer: responder, certificates: [responder.certificate], nonce: NONCE }),
]
const REFUSED: readonly Buffer[] = [
  makeOcsp(of, root, { status: 'revoked' }), makeOcsp(of, root, { status: 'unknown' }), makeOcsp(of, root, { nextUpdate: NOW - 1 }), makeOcsp(of, root, { thisUpdate: NOW + DAY }),
  makeOcsp(of, root, { nextUpdate: false, thisUpdate: NOW - 9 * DAY }), makeOcsp(of, root, { nextUpdate: NOW, thisUpdate: NOW + 1000 }),
  makeOcsp(of, root, { signer: responder }), makeOcsp(of, root, { serial: Buffer.from([1]) }),
  ...[mute, wrong, stranger].map((signer) => makeOcsp(of, root, { signer, certificates: [signer.certificate] })),
  makeOcsp(of, root, { singleExtensions: [extension('1.2.3', der.null(), true)] }), makeOcsp(of, root, { signer: other }),
  der.sequence(der.enumerated(1)), der.sequence(der.enumerated(6), der.null()),
] // biome-ignore format: a table
const GOOD: ReadonlySet<string> = new Set(GENUINE.map((bytes) => bytes.toString('hex')))

export const ocsp: Target = {
  name: 'ocsp',
  files: ['src/attest/format/ocsp.ts', 'src/attest/path/ocsp-source.ts'],
  tokens: ['\x0a\x01\x00', '\x30\x00', '\x80\x00', '\x82\x00', '\x18\x0f20260601000000Z'],
  runs: 6000,
  branches: 90,
  generate: (random) => {
    if (random(5) > 0) return make(random)
    return pick(random, random(2) === 0 ? GENUINE : REFUSED)
  },
  run(bytes, random) {
    const parsed = valueOrDenial(() => parseOcspResponse(bytes))
    const stapled = valueOrDenial(() => checkRevocation(question(bytes, true)))
    const fetched = valueOrDenial(() => checkRevocation(question(bytes, false, random(8) * DAY)))
    const needs = revocationNeeds(question(bytes, true))
    holds(needs.length === 0 || stapled instanceof Denial, 'who has an answer needs none')
    const isGood = !(stapled instanceof Denial) || !(fetched instanceof Denial)
    holds(!isGood || isSigned(parsed), 'only what the responder signed says good')
    const denials = [stapled, fetched].map((one) => (one instanceof Denial ? traitOf(one) : 'good'))
    const trait = parsed instanceof Denial ? traitOf(parsed) : ''
    return { accepted: !(parsed instanceof Denial), trait: `${trait}|${denials.join('|')}` }
  },
}

/** The signed part of a genuine one: what is around it may differ. */
function isSigned(parsed: OcspResponse | Denial): boolean {
  if (parsed instanceof Denial) return false
  const tbs = Buffer.from(parsed.tbs).toString('hex')
  return [...GOOD].some((hex) => hex.includes(tbs))
}

const collateralOf = (bytes: Buffer, age: number) =>
  new Map([[`ocsp:${of.sha256}`, { bytes, receivedAt: NOW - age }]])

function question(bytes: Buffer, isStaple: boolean, age = 0): RevocationQuestion {
  return {
    path: [of, root.certificate],
    policy: {
      mode: 'require',
      sources: [isStaple ? 'ocsp-staple' : 'ocsp'],
      max_age: 2 * DAY,
      clock_skew: 2000,
    },
    now: NOW,
    family: 'tls',
    collateral: isStaple ? new Map() : collateralOf(bytes, age),
    nonce: NONCE,
    ...(isStaple && { staple: bytes }),
  }
}

const usually = (random: Random, ...from: readonly Buffer[]): Buffer =>
  random(8) === 0 ? pick(random, from) : (from[0] as Buffer)

function single(random: Random): Buffer {
  const id = ocspRequest(of, root.certificate)
  // the CertID of a request: everything but the four headers around it
  const certId = id.subarray(8)
  const time = der.generalizedTime(NOW - DAY)
  return der.sequence(
    usually(random, Buffer.from(certId), der.sequence(), der.sequence(der.sequence(der.oid('1.2.3')), der.octets(), der.octets(), der.integer(1))), // biome-ignore format: a row
    pick(random, [der.implicit(0), der.implicit(2), der.implicit(3), der.explicit(1, time), der.explicit(1, time, der.explicit(0, der.enumerated(1))), der.implicit(0, Buffer.from([1]))]), // biome-ignore format: a row
    usually(random, time, der.time(NOW)),
    ...(random(3) > 0 ? [der.explicit(0, usually(random, time, der.null()))] : []),
    ...(random(3) === 0 ? [der.explicit(1, der.sequence(extension('1.2.3', der.null())))] : []),
  )
}

function make(random: Random): Buffer {
  const name = commonName('Synthetic Root')
  const certificates = Array.from({ length: random(12) === 0 ? 10 : random(3) }, () => pick(random, [Buffer.from(root.certificate.der), Buffer.from(responder.certificate.der), der.sequence()])) // biome-ignore format: a row
  const tbs = der.sequence(
    ...(random(20) === 0 ? [der.explicit(0, der.integer(0))] : []),
    usually(random, der.explicit(1, name), der.explicit(2, der.octets(Buffer.alloc(20))), der.explicit(1, der.null()), der.null()), // biome-ignore format: a row
    usually(random, der.generalizedTime(NOW - DAY), der.time(NOW)),
    der.sequence(
      ...Array.from({ length: random(20) === 0 ? 70 : random(3) }, () => single(random)),
    ),
    ...(random(3) === 0 ? [der.explicit(1, der.sequence(extension('1.3.6.1.5.5.7.48.1.2', usually(random, der.octets(NONCE), der.null()))))] : []), // biome-ignore format: a row
  )
  const basic = der.sequence(
    tbs,
    der.sequence(der.oid('1.2.840.10045.4.3.2')),
    der.bits(Buffer.alloc(70, 1)),
    ...(certificates.length > 0 ? [der.explicit(0, der.sequence(...certificates))] : []),
  )
  const type = usually(random, der.oid('1.3.6.1.5.5.7.48.1.1'), der.oid('1.2.3'))
  return der.sequence(
    usually(random, der.enumerated(0), der.enumerated(2)),
    der.explicit(0, der.sequence(type, der.octets(basic))),
  )
}
