// Which addresses are inside, which are out of reach for good, and that spelling changes nothing.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reachability, sameAddress } from '../../src/egress/address.ts'

describe('an address', () => {
  it.each([
    ['8.8.8.8', 'public'],
    ['172.15.255.255', 'public'],
    ['172.32.0.0', 'public'],
    ['2606:4700::1111', 'public'],
    ['::ffff:8.8.8.8', 'public'],
    ['64:ff9b::808:808', 'public'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['64:ff9b::a00:1', 'private'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['0.0.0.0', 'never'],
    ['::', 'never'],
    ['::ffff:0.0.0.0', 'never'],
    ['169.254.169.254', 'never'],
    ['::ffff:169.254.169.254', 'never'],
    ['fd00:ec2::254', 'never'],
    ['fd20:ce::254', 'never'],
    ['100.100.100.200', 'never'],
    ['168.63.129.16', 'never'],
    ['fe80::1', 'never'],
    ['fe80::1%eth0', 'never'],
    ['::1%lo', 'never'],
    ['224.0.0.1', 'never'],
    ['255.255.255.255', 'never'],
    ['192.0.0.192', 'never'],
    ['ff02::1', 'never'],
    ['2002:7f00:1::', 'never'],
    ['2001:0:7f00:1::', 'never'],
    ['::127.0.0.1', 'never'],
    ['fec0::1', 'never'],
    ['example.com', 'never'],
    ['127.1', 'never'],
    ['', 'never'],
  ])('%s is %s', (address, kind) => {
    expect(reachability(address)).toBe(kind)
  })

  it('is the same in every spelling', () => {
    expect(sameAddress('::1', '0:0:0:0:0:0:0:1')).toBe(true)
    expect(sameAddress('127.0.0.1', '::ffff:7f00:1')).toBe(true)
    expect(sameAddress('127.0.0.1', '127.0.0.2')).toBe(false)
    expect(sameAddress('a', 'a')).toBe(false)
  })

  it('in IPv6 clothes is judged like the IPv4 address in them', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(reachability(`::ffff:${address}`)).toBe(reachability(address))
        expect(reachability(`64:ff9b::${address}`)).toBe(reachability(address))
      }),
    )
  })

  it('of IPv6 is read as URL reads it', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
        expect(sameAddress(address, canonical)).toBe(true)
        expect(reachability(address)).toBe(reachability(canonical))
      }),
    )
  })
})
