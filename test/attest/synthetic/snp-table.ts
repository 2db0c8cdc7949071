// Certificate tables as they come with an extended report of SEV-SNP.
import type { Bytes } from './certificate.ts'

const GUIDS = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
  other: '11111111-2222-3333-4444-555555555555',
} as const

export type TableName = keyof typeof GUIDS

/** The entries, the one that ends them, and what they point to. */
export function makeTable(entries: readonly (readonly [name: TableName, bytes: Bytes])[]): Bytes {
  const heads: Buffer[] = []
  let at = (entries.length + 1) * 24
  for (const [name, { length }] of entries) {
    const head = Buffer.alloc(24)
    head.set(Buffer.from(GUIDS[name].replaceAll('-', ''), 'hex'))
    head.writeUInt32LE(at, 16)
    head.writeUInt32LE(length, 20)
    heads.push(head)
    at += length
  }
  return Buffer.concat([...heads, Buffer.alloc(24), ...entries.map(([, bytes]) => bytes)])
}
