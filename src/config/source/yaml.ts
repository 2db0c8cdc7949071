// YAML 1.2 text to a tree with places, refusing what YAML allows and a configuration must not; it does not know the schema.
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type YAMLError,
  YAMLParseError,
} from 'yaml'
import { inOne, type Steps } from '../../base/turns.ts'
import { createProblem, type Path, type Place, type Problem } from '../problem.ts'
import type { Member, Origin, TreeNode } from './tree.ts'

/** Bounds against alias bombs: what a file expands to, and how deep. */
const MAX_NODES = 100_000
const MAX_DEPTH = 64

export interface ParsedText {
  /** Absent when the text has no usable tree. */
  readonly tree: TreeNode | undefined
  readonly problems: readonly Problem[]
}

export function parseYaml(text: string, file: string, origin?: Origin): ParsedText {
  return inOne(readYaml(text, file, origin))
}

/** The same in steps: a configuration of fifty plugins takes 20 ms to read. */
export function* readYaml(text: string, file: string, origin: Origin = 'file'): Steps<ParsedText> {
  const lines = new LineCounter()
  const document = yield* documentOf(text, lines)
  yield
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) return { tree: undefined, problems: syntaxProblems(faults, text, place) }
  const reader = createReader(place, origin)
  const tree = document.contents === null ? undefined : reader.read(document.contents, [], 0)
  return { tree: reader.problems.length > 0 ? undefined : tree, problems: reader.problems }
}

// what the package's parseDocument does, with rests between its words
function* documentOf(text: string, lines: LineCounter): Steps<Document.Parsed> {
  const parser = new Parser(lines.addNewLine)
  const tokens: CST.Token[] = []
  lines.addNewLine(0)
  for (const word of new Lexer().lex(text)) {
    for (const token of parser.next(word)) tokens.push(token)
    yield
  }
  for (const token of parser.end()) tokens.push(token)
  yield
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    merge: false,
    strict: true,
    uniqueKeys: true,
    stringKeys: true,
    // places come from the counter, and excerpts of the file could show secrets
    prettyErrors: false,
    lineCounter: lines,
  })
  const [first, second] = composer.compose(tokens, true, text.length)
  if (first === undefined) throw new TypeError('the composer was told to make a document')
  if (second) {
    const [from, to] = second.range
    first.errors.push(new YAMLParseError([from, to], 'MULTIPLE_DOCS', 'a second document'))
  }
  return first
}

function createReader(place: (offset: number) => Place, origin: Origin) {
  const problems: Problem[] = []
  // an alias means the nearest anchor before it in the text; bound on the first reading, kept when an alias is read through
  const anchors = new Map<string, Node>()
  const anchored = new Set<Node>()
  const targets = new Map<Node, Node>()
  let nodes = 0
  let exhausted = false
  const none = (at: Place): TreeNode => ({ kind: 'scalar', value: null, place: at, origin })

  function refuse(at: Place, path: Path, message: string): TreeNode {
    problems.push(createProblem(at, path, message))
    return none(at)
  }

  function read(node: Node, path: Path, depth: number): TreeNode {
    const at = place(node.range?.[0] ?? 0)
    if (exhausted) return none(at)
    if (++nodes > MAX_NODES || depth > MAX_DEPTH) {
      exhausted = true
      const what =
        depth > MAX_DEPTH
          ? `nested deeper than ${MAX_DEPTH} levels`
          : `more than ${MAX_NODES} values`
      return refuse(at, path, `the file is ${what}, aliases counted in full`)
    }
    if (isAlias(node)) {
      const target = targets.get(node) ?? anchors.get(node.source)
      if (target === undefined) return refuse(at, path, `there is no anchor "${node.source}"`)
      targets.set(node, target)
      return read(target, path, depth + 1)
    }
    const { anchor } = node as { anchor?: string }
    if (anchor !== undefined && !anchored.has(node)) {
      anchored.add(node)
      anchors.set(anchor, node)
    }
    if (isMap(node)) return readMap(node.items, at, path, depth)
    if (isSeq(node)) {
      const items = node.items.map((item, index) => read(item as Node, [...path, index], depth + 1))
      return { kind: 'list', items, place: at, origin }
    }
    if (isScalar(node)) return readScalar(node.value, at, path)
    return refuse(at, path, 'this is neither a mapping, a list nor a scalar')
  }

  function readMap(pairs: readonly Pair[], at: Place, path: Path, depth: number): TreeNode {
    const members = new Map<string, Member>()
    for (const pair of pairs) {
      const key = pair.key as Node
      const keyAt = place(key.range?.[0] ?? 0)
      const name = isScalar(key) ? String(key.value) : ''
      const inner = [...path, name]
      if (name === '<<')
        refuse(
          keyAt,
          inner,
          'merge keys ("<<") are not supported; write the keys out or use a profile',
        )
      else if (name === '__proto__') refuse(keyAt, inner, 'the key "__proto__" is refused')
      else if (name.includes('${'))
        refuse(keyAt, inner, 'substitutions are replaced in values only, not in keys')
      else
        members.set(name, {
          at: keyAt,
          node: pair.value === null ? none(keyAt) : read(pair.value as Node, inner, depth + 1),
        })
    }
    return { kind: 'map', members, place: at, origin }
  }

  function readScalar(value: unknown, at: Place, path: Path): TreeNode {
    if (typeof value === 'number' && !isExact(value))
      return refuse(at, path, 'this number cannot be represented exactly; write it as text')
    if (
      value === null ||
      typeof value === 'string' ||
      typeof value === 'number' ||
      typeof value === 'boolean'
    )
      return { kind: 'scalar', value, place: at, origin }
    return refuse(at, path, 'this is no JSON value')
  }

  return { read, problems }
}

function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
}

// the parser's own words, where ours say better what to do
const SYNTAX: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: 'this key is in the mapping twice',
  MULTIPLE_DOCS: 'a configuration is one YAML document; remove the "---" that starts a second one',
  TAB_AS_INDENT: 'tabs may not indent YAML; use spaces',
  TAG_RESOLVE_FAILED: 'YAML tags are not supported here',
  NON_STRING_KEY: 'a key must be plain text',
}

// one slip in the brackets makes the parser stumble many times; only its first word is of use
function syntaxProblems(
  faults: readonly YAMLError[],
  text: string,
  place: (offset: number) => Place,
): Problem[] {
  const clear = faults.filter((fault) => fault.code in SYNTAX)
  const first = faults.find((fault) => !(fault.code in SYNTAX))
  return [...clear, ...(first ? [first] : [])].map((fault) => {
    const own = fault.message.replace(/\.$/, '')
    const isSubstitution = text.slice(fault.pos[0] - 1, fault.pos[0] + 1) === '${'
    const message = isSubstitution
      ? `inside { } and [ ] a substitution must be in quotes: "\${env:NAME}"`
      : (SYNTAX[fault.code] ?? `not valid YAML: ${own.charAt(0).toLowerCase()}${own.slice(1)}`)
    return createProblem(place(fault.pos[0]), [], message)
  })
}
