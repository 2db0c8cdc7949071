// Which tests a source file declares, by syntax tree, and whether a citation names one of them. Runs no test.
import { parseAst } from 'vitest/node'

/** A declared test: matches the full names it can have, with the parts that come from its rows in groups. */
export type TestName = RegExp

interface Node {
  readonly type: string
  readonly [member: string]: unknown
}

/** Every test of a file that would run. */
export function testNames(source: string): TestName[] {
  const found: TestName[] = []
  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, [], found)
  return found
}

/** Whether one of the tests can bear this name; what comes from rows must occur among `words`. */
export function isDeclared(name: string, tests: readonly TestName[], words: string): boolean {
  return tests.some((pattern) => {
    const match = pattern.exec(name)
    return match?.slice(1).every((part) => words.includes(part)) ?? false
  })
}

const BLOCKS = new Set(['describe', 'suite'])
const TESTS = new Set(['it', 'test'])
// a test that may not run proves nothing
const IDLE = new Set(['skip', 'todo', 'fails', 'skipIf', 'runIf'])

function visit(node: Node, outer: readonly string[], found: TestName[]): void {
  const call = declaration(node)
  if (call?.idle) return
  if (call && TESTS.has(call.root))
    found.push(new RegExp(`^${[...outer, call.name].join(' > ')}$`, 's'))
  const inside = call && BLOCKS.has(call.root) ? [...outer, call.name] : outer
  for (const child of children(node)) visit(child, inside, found)
}

interface Declaration {
  readonly root: string
  readonly idle: boolean
  /** As the source of a regular expression. */
  readonly name: string
}

function declaration(node: Node): Declaration | undefined {
  if (node.type !== 'CallExpression') return undefined
  const words = chain(node.callee as Node)
  const [root = '', ...modifiers] = words
  if (!BLOCKS.has(root) && !TESTS.has(root)) return undefined
  const name = patternOf((node.arguments as readonly Node[])[0], modifiers.length > 0)
  if (name === undefined) return undefined
  return { root, idle: modifiers.some((word) => IDLE.has(word)), name }
}

/** `it.each(rows)` as its words: it, each. */
function chain(callee: Node): string[] {
  if (callee.type === 'Identifier') return [String(callee.name)]
  if (callee.type === 'MemberExpression')
    return [...chain(callee.object as Node), String((callee.property as Node).name)]
  if (callee.type === 'CallExpression') return chain(callee.callee as Node)
  if (callee.type === 'TaggedTemplateExpression') return chain(callee.tag as Node)
  return []
}

const PLACEHOLDER = /%(?:\.\d+)?[sdifjoO]|\$[a-z][\w.]*/i

function patternOf(node: Node | undefined, rows: boolean): string | undefined {
  if (node?.type === 'Literal' && typeof node.value === 'string') {
    const parts = rows ? node.value.split(PLACEHOLDER) : [node.value]
    return parts.map(RegExp.escape).join('(.+?)')
  }
  if (node?.type !== 'TemplateLiteral') return undefined
  const quasis = node.quasis as readonly { value: { cooked: string } }[]
  return quasis.map(({ value }) => RegExp.escape(value.cooked)).join('(.+?)')
}

function* children(node: Node): Generator<Node> {
  for (const inner of Object.values(node)) {
    for (const child of Array.isArray(inner) ? inner : [inner])
      if (typeof child === 'object' && child !== null && typeof child.type === 'string')
        yield child as Node
  }
}
