// Sizes and durations as people write them.
import { describe, expect, it } from 'vitest'
import { parseDuration, parseSize } from '../../src/base/quantity.ts'

describe('a duration', () => {
  it.each([
    ['250ms', 250],
    ['5s', 5000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['30d', 2_592_000_000],
    ['0s', 0],
    ['0.4ms', 0],
  ])('reads %s as %d milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    '',
    '5',
    's',
    '5 s',
    '-5s',
    '5S',
    '.5s',
    '5.s',
    '1.5.5s',
    '1e3s',
    '5s\n',
    '5m30s',
    '5min',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('refuses more milliseconds than a number can count', () => {
    expect(parseDuration('104249991d')).toBe(9_007_199_222_400_000)
    expect(parseDuration('104249992d')).toBeUndefined()
  })
})

describe('a size', () => {
  it.each([
    ['512B', 512],
    ['64KiB', 65_536],
    ['4MiB', 4_194_304],
    ['1.5GiB', 1_610_612_736],
    ['2kB', 2000],
    ['3MB', 3_000_000],
    ['1GB', 1_000_000_000],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each(['4', '4K', '4KB', '4mib', '4 MiB', '0x10B', '9007199254740993B'])(
    'refuses %j',
    (text) => {
      expect(parseSize(text)).toBeUndefined()
    },
  )
})
