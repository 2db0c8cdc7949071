// Inputs made to be slow: what grows with them is bounded, and so is the time.
import { expect, test } from 'vitest'
import { isAppError } from '../../src/base/errors.ts'
import { createManifestParser } from '../../src/host/discovery/manifest.ts'
import { readMessage } from '../../src/wire/message.ts'

test('messages made to be slow are not', () => {
  const wide = Array.from({ length: 50_000 }, (_, index) => `"k${index}":0`).join(',')
  const hostile = [
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{${wide}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"arguments":{${wide}}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"${'\\"'.repeat(300_000)}"}`,
    `{"jsonrpc":"2.0","id":1,"method":"${'\\\\'.repeat(300_000)}"`,
    `{"jsonrpc":"2.0","id":${'9'.repeat(500_000)},"method":"m"}`,
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":[${'1e9,'.repeat(100_000)}1]}}`,
    `${' '.repeat(500_000)}{`,
    `{"${'n'.repeat(500_000)}`,
    '[{"a":'.repeat(100_000),
    `{"jsonrpc":"2.0","id":1,"method":"m","params":{"x":[${'[],'.repeat(100_000)}[]]}}`,
  ]
  for (const text of hostile) {
    const started = performance.now()
    try {
      readMessage(Buffer.from(text), { depth: 64 })
    } catch (error) {
      expect(isAppError(error)).toBe(true)
    }
    expect(performance.now() - started, text.slice(0, 60)).toBeLessThan(2000)
  }
})

test('aliases that multiply are refused, not expanded', () => {
  const parse = createManifestParser()
  const bomb = `a: &a [x, x, x, x, x, x, x, x]\n${[...'bcdefghi'].map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]\n`).join('')}`
  const started = performance.now()
  expect(parse(bomb, '/p/plugin.yaml').manifest).toBeUndefined()
  expect(performance.now() - started).toBeLessThan(1000)
})
