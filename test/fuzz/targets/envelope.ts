// Fuzz target: bytes as a JSON-RPC message. What is accepted is JSON, reads the same for every reader, and lies where the scan says.
import { isAppError } from '../../../src/base/errors.ts'
import { elementsOf } from '../../../src/wire/batch.ts'
import type { Member } from '../../../src/wire/member-table.ts'
import { type Message, readableId, readMessage } from '../../../src/wire/message.ts'
import {
  FIRST_WINS,
  IGNORES_CASE,
  LAST_WINS,
  readTree,
  type Tree,
} from '../../property/wire-readers.ts'
import { holds } from '../holds.ts'
import type { Reading, Target } from '../target.ts'

const LIMITS = { depth: 16 }
const READERS = [FIRST_WINS, LAST_WINS, IGNORES_CASE]
/** Refusals of documents that JSON.parse takes. */
const STRICTER = /UTF-8|one every reader reads alike/

export const envelope: Target = {
  name: 'envelope',
  files: [
    'src/wire/message.ts',
    'src/wire/parse.ts',
    'src/wire/scan.ts',
    'src/wire/interior.ts',
    'src/wire/member-table.ts',
    'src/wire/members.ts',
    'src/wire/tokens.ts',
    'src/wire/unique.ts',
  ],
  tokens: [
    '"jsonrpc":"2.0",', '"id":1,', '"id":null,', '"\\u0069d":2,', '"ID":3,', '"method":"x",', '"Method":"x",', '"params":{},', '"params":[],',
    '"result":{},', '"error":{"code":1,"message":"m"},', '"_meta":{},', '"_meta":1,', '"name":"a",', '"name":"\\udc00",', '"uri":"u",', '"a":1,"a":2,',
    '9007199254740993', '-9007199254740993', '1e400', '0.1e-2', `"x":"${'z'.repeat(5000)}",`, `"k":[${'1,'.repeat(3000)}1],`,
    `"wide":{${Array.from({ length: 40 }, (_, at) => `"k${at}":${at}`).join(',')}},`,
  ], // biome-ignore format: a table reads better in rows
  runs: 10_000,
  branches: 90,
  run(bytes) {
    const text = bytes.toString('utf8')
    try {
      const message = readMessage(bytes, LIMITS)
      checkAccepted(message, text)
      return { accepted: true, trait: traitOf(message) }
    } catch (error) {
      if (!isAppError(error)) throw error
      if (error.code === 'WIRE_BATCH') checkElements(bytes, text)
      return checkRefused(error, bytes, text)
    }
  },
}

function checkAccepted(message: Message, text: string): void {
  holds(parses(text), 'what is accepted is JSON')
  const tree = readTree(text)
  // not what JSON.parse says: it may mistake a name with an escape (nodejs/node#63785)
  const parsed = valueIn(tree) as Record<string, unknown>
  holds(parsed.jsonrpc === '2.0', 'the version is 2.0')
  holds(message.method === parsed.method, 'the method is that of JSON.parse')
  holds(message.id === (parsed.id ?? undefined), 'the id is that of JSON.parse')
  for (const reader of READERS) {
    holds(reader.get(tree, 'method') === parsed.method, `the method, where the ${reader.name}`)
    const params = reader.get(tree, 'params')
    for (const member of ['name', 'uri'])
      holds(
        same(reader.get(params, member), at(parsed.params, member)),
        `params.${member}, where the ${reader.name}`,
      )
  }
  checkSpans(message.scan.members, parsed, text, message.bytes)
  checkSpans(message.scan.inner, innerOf(parsed), text, message.bytes)
  holds(message.id === undefined || readableId(message.bytes, LIMITS) === message.id, 'readableId')
  if (!message.scan.unsafeNumber)
    for (const member of ['params', 'result', 'error'] as const)
      holds(
        JSON.stringify(message[member]) === JSON.stringify(parsed[member]),
        `${member} is what is written there`,
      )
  // numbers beyond 2^53 keep their digits, so a message written again is the same message
  const { method, params, result, error, id } = message
  const again = { jsonrpc: '2.0', id, method, params, result, error }
  const reread = readMessage(Buffer.from(JSON.stringify(again)), LIMITS)
  holds(reread.kind === message.kind && reread.id === id, 'a message written again is that message')
  const [first, second] = [message, reread].map((each) =>
    JSON.stringify([each.params, each.result, each.error]),
  )
  holds(first === second, `the values written again are those values: ${first} ${second}`)
}

/** Members by definition, not assignment: one called __proto__ is one like any other. */
function valueIn(tree: Tree): unknown {
  if (Array.isArray(tree)) return tree.map(valueIn)
  if (typeof tree !== 'object' || tree === null) return tree
  const found = {}
  for (const [name, inner] of tree.members)
    Object.defineProperty(found, name, {
      value: valueIn(inner),
      enumerable: true,
      configurable: true,
      writable: true,
    })
  return found
}

// the last of several in the order of the message, as the scan keeps it
function innerOf(parsed: Record<string, unknown>): unknown {
  const name = Object.keys(parsed).findLast((own) => INNER.has(own) && isPlain(parsed[own]))
  return name === undefined ? undefined : parsed[name]
}

const INNER = new Set(['params', 'result', 'error'])
const isPlain = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function checkSpans(
  members: Iterable<readonly [string, Member]>,
  parsed: unknown,
  text: string,
  bytes: Buffer,
): void {
  const names: string[] = []
  for (const [name, { start, end }] of members) {
    names.push(name)
    const slice = JSON.stringify(valueIn(readTree(bytes.toString('utf8', start, end))))
    holds(slice === JSON.stringify(at(parsed, name)), `the span of a member is its value: ${text}`)
  }
  const expected = isPlain(parsed) ? Object.keys(parsed as object) : []
  holds(names.length === expected.length, 'every member has a span')
}

function checkRefused(error: Error & { code: string }, bytes: Buffer, text: string): Reading {
  holds(error.code.startsWith('WIRE_'), `a refusal has a code of the wire, not ${error.code}`)
  const id = readableId(bytes, LIMITS)
  holds(
    id === undefined || at(valueIn(readTree(text)), 'id') === id,
    'the id of a refusal is in the text',
  )
  if (error.code === 'WIRE_PARSE' && !STRICTER.test(error.message))
    holds(!parses(text), `what is refused as no JSON is none: ${error.message}`)
  return {
    accepted: false,
    trait: `${error.code} ${error.message.replace(/ at byte .*|\d+/g, '')}`,
  }
}

/** The elements of a batch are those of the array, each where it stands. */
function checkElements(bytes: Buffer, text: string): void {
  const whole = valueIn(readTree(text)) as unknown[]
  const elements = elementsOf(bytes, 100)
  holds((elements === undefined) === whole.length > 100, 'more than may be are not read')
  const read = (elements ?? whole).map((element) =>
    Buffer.isBuffer(element) ? valueIn(readTree(element.toString())) : element,
  )
  holds(JSON.stringify(read) === JSON.stringify(whole), 'the elements are those of the array')
}

function traitOf({ kind, id, scan, bytes, params, result }: Message): string {
  const depth = Math.min(9, Math.floor(bytes.length / 2048))
  const members = [scan.members.size, scan.inner.size, scan.meta.size].map((size) =>
    Math.min(size, 9),
  )
  return [
    kind,
    typeof id,
    scan.unsafeNumber,
    typeof result,
    params !== undefined,
    depth,
    ...members,
  ].join(' ')
}

const at = (value: unknown, name: string): unknown =>
  isPlain(value) && Object.hasOwn(value as object, name)
    ? (value as Record<string, unknown>)[name]
    : undefined

// objects are compared elsewhere; here it is texts, numbers and nothing
const same = (read: unknown, parsed: unknown): boolean =>
  typeof read === 'object' ? typeof parsed === 'object' : read === parsed

function parses(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
