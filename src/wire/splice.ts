// Changes to a message without writing it again: bytes replaced, members put in or taken out, all else byte for byte as it was.
import { Buffer } from 'node:buffer'
import { AppError } from '../base/errors.ts'
import type { Member, MemberTable, Span } from './member-table.ts'
import type { Message } from './message.ts'

/** Replaces the bytes of a span; an empty span inserts. */
export interface Edit {
  readonly span: Span
  readonly text: string | Uint8Array
  /** Set by `editMember` where commas depend on what else changes in the same object. */
  readonly change?: Change
}

/** A member that is put into an object or taken out of it. */
export interface Change {
  /** Offset after the object's opening brace: changes that have it in common belong together. */
  readonly inside: number
  /** The object's members, in order. */
  readonly members: MemberTable
  /** The member that is taken out; otherwise the text is put in at `path`. */
  readonly taken?: Member
  /** The new member's name, then names within it that are missing with it. */
  readonly path: readonly string[]
}

const OPEN_OBJECT = 0x7b

/**
 * The edits that give a member a value, or take it out when the value is undefined. Objects on the way that are missing
 * are made. Reaches members of the envelope, of `params`, `result` and `error`, and of `_meta` in the first two.
 * Edits of several calls compose in one `splice`, also where they add to the same missing object, but not where one
 * replaces what the other reaches into.
 */
export function editMember(message: Message, path: readonly string[], value: unknown): Edit[] {
  const { inside, members, rest } = locate(message, path)
  const member = members.get(rest[0] as string)
  if (value === undefined) {
    if (!member || rest.length > 1) return []
    const span = { start: member.nameStart, end: member.end }
    return [{ span, text: '', change: { inside, members, taken: member, path: rest } }]
  }
  if (!member) {
    const text = JSON.stringify(value)
    const span = { start: inside, end: inside }
    return [{ span, text, change: { inside, members, path: rest } }]
  }
  if (rest.length > 1) throw new AppError('INTERNAL', `${path.join('.')} lies in no object`)
  return [valueEdit(member, value)]
}

/** The edit that gives a member that is there another value. */
export function valueEdit(member: Member, value: unknown): Edit {
  return { span: member, text: JSON.stringify(value) }
}

interface Place {
  readonly inside: number
  readonly members: MemberTable
  /** The names that are left of the path. */
  readonly rest: readonly string[]
}

/** The innermost object on the path that is there. */
function locate({ scan, bytes }: Message, path: readonly string[]): Place {
  const [first = '', second] = path
  const hasMeta = second === '_meta' && first !== 'error'
  if (path.length === 0 || path.length > (hasMeta ? 3 : 2))
    throw new AppError('INTERNAL', `edits do not reach ${path.join('.')}`)
  const envelope = { inside: bytes.indexOf(OPEN_OBJECT) + 1, members: scan.members, rest: path }
  const outer = scan.members.get(first)
  if (path.length === 1 || !outer || bytes[outer.start] !== OPEN_OBJECT) return envelope
  const inner = { inside: outer.start + 1, members: scan.inner, rest: path.slice(1) }
  const meta = scan.inner.get('_meta')
  if (path.length === 2 || !meta || bytes[meta.start] !== OPEN_OBJECT) return inner
  return { inside: meta.start + 1, members: scan.meta, rest: path.slice(2) }
}

/** Only the spans change. Throws INTERNAL when edits overlap or leave the message. */
export function splice(bytes: Buffer, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return bytes
  const sorted = inPlace(edits.some(hasChange) ? resolve(edits) : [...edits])
  let size = bytes.length
  let at = 0
  for (const { span, text } of sorted) {
    if (!(span.start >= at && span.end >= span.start && span.end <= bytes.length))
      throw new AppError('INTERNAL', `edits overlap or leave the message, at byte ${span.start}`)
    size += span.start - span.end + Buffer.byteLength(text)
    at = span.end
  }
  return write(bytes, sorted, Buffer.allocUnsafe(size))
}

function write(bytes: Buffer, sorted: readonly Edit[], out: Buffer): Buffer {
  let from = 0
  let to = 0
  for (const { span, text } of sorted) {
    to += bytes.copy(out, to, from, span.start)
    if (typeof text === 'string') to += out.write(text, to)
    else {
      out.set(text, to)
      to += text.length
    }
    from = span.end
  }
  bytes.copy(out, to, from)
  return out
}

const hasChange = (edit: Edit): boolean => edit.change !== undefined

// few, and nearly in order: sorted by insertion
function inPlace(edits: Edit[]): Edit[] {
  for (let i = 1; i < edits.length; i++) {
    const edit = edits[i] as Edit
    let at = i
    for (; at > 0 && isBehind(edits[at - 1] as Edit, edit); at--) edits[at] = edits[at - 1] as Edit
    edits[at] = edit
  }
  return edits
}

function isBehind({ span: a }: Edit, { span: b }: Edit): boolean {
  return a.start > b.start || (a.start === b.start && a.end > b.end)
}

interface ObjectChanges {
  readonly change: Change
  readonly put: Edit[]
  readonly taken: Set<Member>
}

/** Changes become plain edits once all changes of an object are known. */
function resolve(edits: readonly Edit[]): Edit[] {
  const plain: Edit[] = []
  const objects = new Map<number, ObjectChanges>()
  for (const edit of edits) {
    const { change } = edit
    if (!change) {
      plain.push(edit)
      continue
    }
    const object = objects.get(change.inside) ?? { change, put: [], taken: new Set() }
    objects.set(change.inside, object)
    if (change.taken) object.taken.add(change.taken)
    else object.put.push(edit)
  }
  for (const { change, put, taken } of objects.values()) {
    plain.push(...takeOut(change.members.values(), taken))
    if (put.length > 0) plain.push(putIn(change, put, change.members.size > taken.size))
  }
  return plain
}

// with a member goes the comma before it if another one stays before it, the comma after it otherwise
function takeOut(members: readonly Member[], taken: ReadonlySet<Member>): Edit[] {
  const edits: Edit[] = []
  let stays = false
  members.forEach((member, index) => {
    if (!taken.has(member)) {
      stays = true
      return
    }
    const start = stays ? (members[index - 1] as Member).end : member.nameStart
    const end = stays ? member.end : (members[index + 1]?.nameStart ?? member.end)
    edits.push({ span: { start, end }, text: '' })
  })
  return edits
}

type Tree = Map<string, Tree | string>

function putIn({ inside }: Change, put: readonly Edit[], others: boolean): Edit {
  const tree: Tree = new Map()
  for (const { change, text } of put) grow(tree, change?.path ?? [], String(text))
  const span = { start: inside, end: inside }
  return { span, text: others ? `${textOf(tree)},` : textOf(tree) }
}

function grow(tree: Tree, path: readonly string[], text: string): void {
  const [name = '', ...rest] = path
  const there = tree.get(name)
  if (rest.length === 0 && there === undefined) tree.set(name, text)
  else if (rest.length > 0 && typeof there !== 'string') {
    const inner: Tree = there ?? new Map()
    tree.set(name, inner)
    grow(inner, rest, text)
  } else throw new AppError('INTERNAL', `two edits put ${name} in`)
}

function textOf(tree: Tree): string {
  const texts = [...tree].map(([name, node]) => {
    const text = typeof node === 'string' ? node : `{${textOf(node)}}`
    return `${JSON.stringify(name)}:${text}`
  })
  return texts.join(',')
}
