// What plugins print reaches stderr in whole lines, and never the stream somebody else speaks on.
import { expect, it } from 'vitest'
import { divertStdout, type OutputStream } from '../../src/host/services/output.ts'

function stream(): OutputStream & { readonly chunks: string[] } {
  const chunks: string[] = []
  return {
    chunks,
    write: (chunk) =>
      chunks.push(typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)) > 0,
  }
}

it('passes what is printed on to stderr, line by line', () => {
  const stdout = stream()
  const stderr = stream()
  const diversion = divertStdout(stdout, stderr)
  stdout.write('a')
  stdout.write('b\nc\nd')
  stdout.write(new TextEncoder().encode('é\n').subarray(0, 1))
  stdout.write(new TextEncoder().encode('é\n').subarray(1))
  expect(stderr.chunks).toEqual(['ab\n', 'c\n', 'dé\n'])
  diversion.write('protocol\n')
  expect(stdout.chunks).toEqual(['protocol\n'])
  stdout.write('left')
  diversion.restore()
  expect(stderr.chunks.at(-1)).toBe('left\n')
  stdout.write('own again')
  expect(stdout.chunks).toEqual(['protocol\n', 'own again'])
})

it('holds no more than 16 KiB of a line that never ends', () => {
  const stderr = stream()
  const stdout = stream()
  divertStdout(stdout, stderr)
  stdout.write('x'.repeat(40_000))
  expect(stderr.chunks.map((chunk) => chunk.length)).toEqual([16_385, 16_385])
})

it('calls back who waits for the write', async () => {
  const stdout = stream()
  divertStdout(stdout, stream())
  await new Promise<void>((resolve) =>
    (stdout.write as unknown as (chunk: string, done: () => void) => void)('x\n', resolve),
  )
})
