// The rules of a path one by one, on synthetic chains that are wrong in one way each; what limbo has no case for is here.
import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Denial } from '../../../src/attest/denial.ts'
import { Certificate } from '../../../src/attest/format/certificate.ts'
import { PURPOSE } from '../../../src/attest/path/profile.ts'
import { type PathQuestion, readChain, validatePath } from '../../../src/attest/path/validate.ts'
import {
  commonName,
  DAY,
  dns,
  extension,
  type Issued,
  keyUsage,
  makeIntermediate,
  makeLeaf,
  makeRoot,
  NOW,
  names,
  OID,
  purposes,
  uri,
  type Wanted,
} from '../../support/authority.ts'
import { der } from '../../support/der-writer.ts'

const root = makeRoot()
const ask = (chain: readonly Issued[], more: Partial<PathQuestion> = {}): PathQuestion => ({
  chain: chain.map(({ certificate }) => certificate),
  anchors: [{ id: 'root', certificate: root.certificate }],
  now: NOW,
  family: 'tls',
  purpose: PURPOSE.server,
  ...more,
})
const verdict = (chain: readonly Issued[], more: Partial<PathQuestion> = {}): string => {
  try {
    return validatePath(ask(chain, more)).anchor.id
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return `${error.reason}${error.detail === undefined ? '' : `: ${error.detail}`}`
  }
}
const pathLength = (most: number): Wanted => ({
  extensions: {
    [OID.basicConstraints]: extension(OID.basicConstraints, der.sequence(der.boolean(true), der.integer(most)), true), // biome-ignore format: a row
  },
})
const withOne = (oid: string, value: Uint8Array, critical = false): Wanted => ({
  extensions: { [oid]: extension(oid, value, critical) },
})

describe('a search', () => {
  it('gives the path leaf first, whatever order the others come in, and what it took', () => {
    const upper = makeIntermediate(root, { subject: 'Upper' })
    const lower = makeIntermediate(upper, { subject: 'Lower' })
    const leaf = makeLeaf(lower)
    const unrelated = makeIntermediate(makeRoot({ subject: 'Elsewhere' }))
    const { path, work } = validatePath(ask([leaf, unrelated, upper, lower]))
    expect(path).toEqual([leaf, lower, upper, root].map(({ certificate }) => certificate))
    expect(work).toEqual({ candidates: 3, signatures: 3, names: 0 })
  })

  it('finds the way over the authority that is certified twice', () => {
    const stranger = makeRoot({ subject: 'Stranger' })
    const ours = makeIntermediate(root, { subject: 'Shared' })
    const keys = { publicKey: ours.certificate.publicKey, privateKey: ours.key }
    const theirs = makeIntermediate(stranger, { subject: 'Shared', keys })
    expect(verdict([makeLeaf(ours), theirs, ours])).toBe('root')
    expect(verdict([makeLeaf(ours), theirs])).toBe('tls.untrusted_anchor')
  })

  it('tries the issuer with the key that is asked for first', () => {
    const two = Array.from({ length: 6 }, () => makeIntermediate(root, { subject: 'Same' }))
    const last = two[5] as Issued
    expect(validatePath(ask([makeLeaf(last), ...two])).work.signatures).toBe(2)
  })

  it.each([
    ['candidates', { candidates: 1 }],
    ['signatures', { signatures: 1 }],
    ['length of the path', { intermediates: 0 }],
    ['size of the chain', { bytes: 500 }],
  ])('ends when its budget is spent: %s', (what, limits) => {
    const between = makeIntermediate(root)
    expect(verdict([makeLeaf(between), between], { limits })).toMatch(new RegExp(`^evidence\\.budget: .*${what}`)) // biome-ignore format: a row
  })

  it('takes no chain above 64 KiB and none that is no certificate', () => {
    const large = [Buffer.alloc(40_000), Buffer.alloc(30_000)]
    expect(() => readChain(large, 'tls')).toThrow('more work than it may: size of the chain')
    expect(() => readChain([Buffer.from('no')], 'tls')).toThrow('chain is not valid')
    expect(() => readChain([Buffer.from('no')], 'evidence')).toThrow('not of its format')
  })
})

describe('a chain', () => {
  const leafOf = (wanted: Wanted) => [makeLeaf(root, wanted)]
  it('of the same names but another key is not signed by the anchor', () => {
    expect(verdict([makeLeaf(makeRoot())])).toBe('tls.untrusted_anchor')
    const leaf = makeLeaf(root).certificate
    const bytes = Buffer.from(leaf.der)
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
    expect(verdict([{ certificate: Certificate.parse(bytes), key: root.key }])).toBe(
      'tls.chain: a certificate is not signed by its issuer',
    )
  })

  it('with a root that came along is worth nothing', () => {
    const own = makeRoot({ subject: 'Self-made' })
    expect(verdict([makeLeaf(own), own])).toBe('tls.untrusted_anchor')
    const evidence = { family: 'evidence' as const }
    expect(verdict([makeLeaf(own), own], evidence)).toBe('evidence.untrusted_root')
  })

  it('holds from the first to the last second', () => {
    const chain = leafOf({ notBefore: NOW - 5000, notAfter: NOW + 5000 })
    const at = (now: number) => verdict(chain, { now })
    expect([NOW - 5000, NOW + 5999].map(at)).toEqual(['root', 'root'])
    expect(at(NOW - 5001)).toBe('tls.not_yet_valid: leaf')
    expect(at(NOW + 6000)).toBe('tls.expired: leaf')
    const old = makeIntermediate(root, { notAfter: NOW - DAY })
    expect(verdict([makeLeaf(old), old])).toBe('tls.expired: intermediate')
  })

  it.each<[string, readonly Issued[], string]>([
    ['an authority as leaf', [makeIntermediate(root)], 'leaf: a certificate authority'],
    ['a leaf that may sign certificates', leafOf({ extensions: { [OID.keyUsage]: keyUsage(0, 5) } }), 'leaf: it may sign certificates'],
    ['a leaf whose key may not sign', leafOf({ extensions: { [OID.keyUsage]: keyUsage(2) } }), 'leaf: its key usage has no digitalSignature'],
    ['a leaf for another purpose', leafOf({ extensions: { [OID.extKeyUsage]: purposes(OID.clientAuth) } }), 'leaf: its extended key usage is another'],
    ['a leaf for any purpose', leafOf({ extensions: { [OID.extKeyUsage]: purposes('2.5.29.37.0', OID.serverAuth) } }), 'leaf: its extended key usage is for any purpose'],
    ['an unknown critical extension', leafOf(withOne('1.2.3.4', der.null(), true)), 'leaf: extension 1.2.3.4 is critical'],
    ['a policy that is required', leafOf(withOne('2.5.29.36', der.sequence(der.implicit(0, Buffer.from([0]))), true)), 'leaf: it requires a certificate policy, which is not checked here'],
    ['no authority key identifier', leafOf({ extensions: { [OID.authorityKeyIdentifier]: undefined } }), 'leaf: no authority key identifier'],
    ['a serial number of zero', leafOf({ serial: 0 }), 'leaf: a serial number out of bounds'],
  ])('with %s is refused', (_, chain, detail) => {
    expect(verdict(chain)).toBe(`tls.chain: ${detail}`)
  }) // biome-ignore format: a table

  it.each<[string, Wanted, string]>([
    ['no basic constraints', { extensions: { [OID.basicConstraints]: undefined } }, 'intermediate: no certificate authority'],
    ['no right to sign certificates', { extensions: { [OID.keyUsage]: keyUsage(6) } }, 'intermediate: it may not sign certificates'],
    ['basic constraints that are not critical', withOne(OID.basicConstraints, der.sequence(der.boolean(true))), 'intermediate: basic constraints are not critical'],
    ['no subject key identifier', { extensions: { [OID.subjectKeyIdentifier]: undefined } }, 'intermediate: no subject key identifier'],
    ['another purpose', { extensions: { [OID.extKeyUsage]: purposes(OID.clientAuth) } }, 'intermediate: its extended key usage is another'],
  ])('under an intermediate with %s is refused', (_, wanted, detail) => {
    const between = makeIntermediate(root, wanted)
    expect(verdict([makeLeaf(between), between])).toBe(`tls.chain: ${detail}`)
  }) // biome-ignore format: a table

  it.each([
    ['RSA of 1024 bits', () => generateKeyPairSync('rsa', { modulusLength: 1024 })],
    ['RSA of 2050 bits', () => generateKeyPairSync('rsa', { modulusLength: 2050 })],
    ['a curve that is not in use here', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['a kind of key that is not in use here', () => generateKeyPairSync('ed448')],
  ] as const)('with %s as key is refused', (why, keys) => {
    expect(verdict(leafOf({ keys: keys() }))).toBe(`tls.chain: leaf: ${why}`)
  }) // biome-ignore format: a table

  it('with RSA of 2048 bits, Ed25519 or a curve of NIST is accepted', () => {
    const all = [
      generateKeyPairSync('rsa', { modulusLength: 2048 }),
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    ]
    for (const keys of all) expect(verdict(leafOf({ keys }))).toBe('root')
  })

  it('under an intermediate for any purpose, or with policies that nobody asks for, is accepted', () => {
    const any = makeIntermediate(root, { extensions: { [OID.extKeyUsage]: purposes('2.5.29.37.0') } }) // biome-ignore format: a row
    expect(verdict([makeLeaf(any), any])).toBe('root')
    const policies = der.sequence(der.sequence(der.oid('2.23.140.1.2.1')))
    expect(verdict(leafOf(withOne('2.5.29.32', policies, true)))).toBe('root')
  })

  it('longer than an authority allows is refused, and those that renew a key do not count', () => {
    const upper = makeIntermediate(root, { subject: 'Upper', ...pathLength(0) })
    const lower = makeIntermediate(upper, { subject: 'Lower' })
    const renewed = makeIntermediate(upper, { subject: 'Upper' })
    expect(verdict([makeLeaf(upper), upper])).toBe('root')
    expect(verdict([makeLeaf(renewed), renewed, upper])).toBe('root')
    expect(verdict([makeLeaf(lower), lower, upper])).toBe('tls.chain: pathLenConstraint')
  })

  it('may leave out what only RFC 5280 section 4 asks for where it is of evidence', () => {
    const bare = { [OID.authorityKeyIdentifier]: undefined, [OID.subjectKeyIdentifier]: undefined }
    const between = makeIntermediate(root, { extensions: bare })
    const chain = [makeLeaf(between, { extensions: bare }), between]
    expect(verdict(chain, { family: 'evidence' })).toBe('root')
    expect(verdict(chain, { family: 'evidence', profile: 'strict' })).toMatch(/^evidence\.chain/)
  })

  it('may have critical extensions that the caller checks', () => {
    const chain = leafOf(withOne('1.2.3.4', der.null(), true))
    expect(verdict(chain, { understood: ['1.2.3.4'] })).toBe('root')
  })
})

describe('names', () => {
  const named = (...all: readonly Buffer[]) =>
    makeLeaf(root, withOne(OID.subjectAltName, names(...all)))
  const is = (leaf: Issued, kind: 'dns' | 'ip' | 'email', value: string) =>
    verdict([leaf], { names: [{ kind, value }] })

  it.each([
    ['files.example.com', 'FILES.example.COM', true],
    ['*.example.com', 'files.example.com', true],
    ['*.example.com', 'a.files.example.com', false],
    ['*.example.com', 'example.com', false],
    ['f*.example.com', 'files.example.com', false],
    ['files.*.com', 'files.example.com', false],
    ['*.com', 'example.com', false],
    ['*', 'example', false],
    ['files.example.com.', 'files.example.com', false],
    ['192.0.2.1', '192.0.2.1', false],
  ])('%s stands for %s: %s', (pattern, host, expected) => {
    expect(is(named(dns(pattern)), 'dns', host)).toBe(expected ? 'root' : 'tls.name_mismatch')
  })

  it('of addresses are compared by their bytes', () => {
    const six = Buffer.from('20010db8000000000000000000000001', 'hex')
    expect(is(named(der.element(0x87, six)), 'ip', '2001:DB8::1')).toBe('root')
    expect(is(named(der.element(0x87, six)), 'ip', '2001:db8::2')).toBe('tls.name_mismatch')
    expect(is(named(der.element(0x87, six.subarray(0, 5))), 'ip', '2001:db8::1')).toBe('tls.name_mismatch') // biome-ignore format: a row
  })

  it('of mailboxes are compared exactly before the @, and without case behind it', () => {
    const leaf = named(der.element(0x81, Buffer.from('Ann@Example.com')))
    expect(is(leaf, 'email', 'Ann@example.com')).toBe('root')
    expect(is(leaf, 'email', 'ann@example.com')).toBe('tls.name_mismatch')
  })

  it('are never taken from the common name, which may not be another host either', () => {
    const bare = makeLeaf(root, { subject: 'files.example.com', extensions: { [OID.subjectAltName]: undefined } }) // biome-ignore format: a row
    expect(is(bare, 'dns', 'files.example.com')).toBe('tls.name_mismatch')
    const two = makeLeaf(root, { subject: 'other.example.com' })
    expect(is(two, 'dns', 'server.example.com')).toBe(
      'tls.chain: its common name is a host that its names are not',
    )
    const padded = makeLeaf(root, {
      subject: '192.000.002.001',
      ...withOne(OID.subjectAltName, names(der.element(0x87, Buffer.from([192, 0, 2, 1])))),
    })
    expect(is(padded, 'ip', '192.0.2.1')).toMatch(/^tls\.chain: its common name/)
    const number = makeLeaf(root, { subject: '4711' })
    expect(is(number, 'dns', 'server.example.com')).toBe('root')
    const words = makeLeaf(root, { subject: 'Files v1.2 of Example' })
    expect(is(words, 'dns', 'server.example.com')).toBe('root')
  })
})

describe('name constraints', () => {
  const subtrees = (n: number, ...all: readonly Buffer[]): Buffer =>
    der.explicit(n, ...all.map((one) => der.sequence(one)))
  const constrained = (...parts: readonly Buffer[]): Issued =>
    makeIntermediate(root, withOne(OID.nameConstraints, der.sequence(...parts), true))
  const under = (issuer: Issued, ...all: readonly Buffer[]): string =>
    verdict([makeLeaf(issuer, withOne(OID.subjectAltName, names(...all))), issuer])
  const denied = (why: string) => `tls.chain: name constraints: ${why}`
  const email = (text: string) => der.element(0x81, Buffer.from(text))
  const ip = (...bytes: readonly number[]) => der.element(0x87, Buffer.from(bytes))
  const directory = (name: Buffer) => der.explicit(4, name)

  it('of hosts cover the host and all below it', () => {
    const issuer = constrained(subtrees(0, dns('example.com')), subtrees(1, dns('bad.example.com')))
    expect(under(issuer, dns('example.com'), dns('a.b.EXAMPLE.com'))).toBe('root')
    expect(under(issuer, dns('notexample.com'))).toBe(denied('a name of kind dns is not permitted'))
    expect(under(issuer, dns('x.bad.example.com'))).toBe(denied('a name of kind dns is excluded'))
    expect(under(issuer, dns('*.example.com'))).toBe(denied('a name of kind dns is excluded'))
    expect(under(issuer, dns('*.a.example.com'))).toBe('root')
    expect(under(issuer, dns('under_score.example.com'))).toBe(denied('a name of kind dns that cannot be compared')) // biome-ignore format: a row
  })

  it('of a host below a wildcard are not met by the wildcard', () => {
    const issuer = constrained(subtrees(0, dns('a.example.com')))
    expect(under(issuer, dns('*.example.com'))).toBe(denied('a name of kind dns is not permitted'))
  })

  it('say nothing about names of other kinds', () => {
    const issuer = constrained(subtrees(0, dns('example.com')))
    expect(under(issuer, uri('spiffe://prod.example/a'))).toBe('root')
  })

  it('of URIs cover a host, or with a dot all below it', () => {
    const issuer = constrained(subtrees(0, uri('prod.example'), uri('.test.example')))
    expect(under(issuer, uri('spiffe://prod.example/a'))).toBe('root')
    expect(under(issuer, uri('https://user@a.test.example:443/x'))).toBe('root')
    expect(under(issuer, uri('spiffe://a.prod.example/a'))).toBe(denied('a name of kind uri is not permitted')) // biome-ignore format: a row
    expect(under(issuer, uri('spiffe://test.example/a'))).toBe(denied('a name of kind uri is not permitted')) // biome-ignore format: a row
    expect(under(issuer, uri('urn:a'))).toBe(denied('a name of kind uri that cannot be compared'))
  })

  it('of mailboxes cover one, a host, or with a dot all below it', () => {
    const issuer = constrained(subtrees(0, email('ann@example.com'), email('mail.example.com'), email('.lists.example.com'))) // biome-ignore format: a row
    const all = ['ann@EXAMPLE.com', 'bob@mail.example.com', 'x@a.lists.example.com'].map(email)
    expect(under(issuer, ...all)).toBe('root')
    for (const text of ['bob@example.com', 'x@lists.example.com', 'x@a.mail.example.com'])
      expect(under(issuer, email(text))).toBe(denied('a name of kind email is not permitted'))
  })

  it('of addresses cover a range of the same family', () => {
    const issuer = constrained(subtrees(0, ip(192, 0, 2, 0, 255, 255, 255, 128)))
    expect(under(issuer, ip(192, 0, 2, 127))).toBe('root')
    expect(under(issuer, ip(192, 0, 2, 128))).toBe(denied('a name of kind ip is not permitted'))
    expect(under(issuer, ip(...Array(16).fill(0)))).toBe(
      denied('a name of kind ip is not permitted'),
    )
  })

  it('of directory names are about the subject as well, without regard to case and spaces', () => {
    const issuer = constrained(subtrees(0, directory(commonName('  FILES of  Example '))))
    const leaf = makeLeaf(issuer, { subject: 'Files of Example' })
    expect(verdict([leaf, issuer])).toBe('root')
    const other = makeLeaf(issuer, { subject: 'Other' })
    expect(verdict([other, issuer])).toBe(denied('a name of kind directory is not permitted'))
  })

  it('of a kind that is not understood forbid names of that kind', () => {
    const registered = der.element(0x88, Buffer.from([0x2a, 3]))
    const issuer = constrained(subtrees(1, registered))
    expect(under(issuer, dns('a.example.com'))).toBe('root')
    expect(under(issuer, registered)).toBe(denied('a name of kind other that cannot be compared'))
  })

  it.each<[string, Buffer[]]>([
    ['nothing at all', []],
    ['an empty list', [der.explicit(0)]],
    ['a host with a leading dot', [subtrees(0, dns('.example.com'))]],
    ['a wildcard', [subtrees(0, dns('*.example.com'))]],
    ['a mailbox with two @', [subtrees(0, email('a@b@example.com'))]],
    ['a range with holes', [subtrees(0, ip(192, 0, 2, 0, 255, 0, 255, 0))]],
    ['a range of another size', [subtrees(0, ip(192, 0, 2, 0))]],
    ['a minimum', [der.explicit(0, der.sequence(dns('example.com'), der.implicit(0, Buffer.from([1]))))]],
  ])('with %s are none', (_, parts) => {
    expect(under(constrained(...parts), dns('a.example.com'))).toMatch(/^tls\.chain: nameConstraints: /)
  }) // biome-ignore format: a table

  it('cost work, of which there is so much', () => {
    const issuer = constrained(subtrees(0, dns('example.com'), dns('example.org')))
    const leaf = makeLeaf(issuer, withOne(OID.subjectAltName, names(dns('a.example.com'))))
    // a host name and the subject, each against two
    expect(validatePath(ask([leaf, issuer])).work.names).toBe(4)
    expect(verdict([leaf, issuer], { limits: { names: 3 } })).toBe(
      'evidence.budget: names of the path search',
    )
  })
})
