// Which branches of a source file ran: its syntax tree says where they are, V8's precise coverage how often each was reached.
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseAst } from 'vitest/node'

export interface BranchCoverage {
  readonly all: number
  readonly taken: number
  /** `file:line what` of each branch that was not taken. */
  readonly missed: readonly string[]
}

export interface CoverageRecorder {
  /** Ends the recording. */
  stop(files: readonly string[]): Promise<BranchCoverage>
}

const root = join(import.meta.dirname, '../..')

/** To be called before the sources are loaded: what ran before is not counted. */
export async function recordCoverage(): Promise<CoverageRecorder> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  return {
    async stop(files) {
      const { result } = await session.post('Profiler.takePreciseCoverage')
      session.disconnect()
      const counts = files.map((file) => {
        const { href } = pathToFileURL(join(root, file))
        const script = result.find(({ url }) => url === href)
        const ranges = script?.functions.flatMap((each) => each.ranges) ?? []
        return branchCounts(readFileSync(join(root, file), 'utf8'), ranges).map((branch) => ({
          ...branch,
          file,
        }))
      })
      const all = counts.flat()
      const missed = all.filter(({ count }) => count === 0)
      return {
        all: all.length,
        taken: all.length - missed.length,
        missed: missed.map(({ file, line, what }) => `${file}:${line} ${what}`),
      }
    },
  }
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

export interface BranchCount {
  readonly line: number
  readonly what: string
  readonly count: number
}

/** Every branch of a source with the number of times it was taken; types are stripped in place, so offsets stay. */
export function branchCounts(source: string, ranges: readonly Range[]): BranchCount[] {
  const at = (offset: number): number => {
    let innermost: Range | undefined
    for (const range of ranges) {
      if (offset < range.startOffset || offset >= range.endOffset) continue
      const inside =
        innermost === undefined ||
        range.endOffset - range.startOffset <= innermost.endOffset - innermost.startOffset
      if (inside) innermost = range
    }
    return innermost?.count ?? 0
  }
  const found: BranchCount[] = []
  const add = (what: string, offset: number, count: number) =>
    found.push({ what, count, line: source.slice(0, offset).split('\n').length })
  visit(parseAst(source, { lang: 'ts' }) as unknown as Node, (node) => {
    for (const { what, from, otherwise } of branchesOf(node))
      add(what, from.start, otherwise ? at(node.start) - at(otherwise.start) : at(from.start))
  })
  return found
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [member: string]: unknown
}

interface Branch {
  readonly what: string
  readonly from: Node
  /** The branch is there although nothing is written: it is taken whenever this one is not. */
  readonly otherwise?: Node
}

function branchesOf(node: Node): Branch[] {
  switch (node.type) {
    case 'IfStatement': {
      const then = node.consequent as Node
      const other = node.alternate as Node | null
      return [
        { what: 'if', from: then },
        other ? { what: 'else', from: other } : { what: 'no else', from: node, otherwise: then },
      ]
    }
    case 'ConditionalExpression':
      return [
        { what: 'then', from: node.consequent as Node },
        { what: 'else', from: node.alternate as Node },
      ]
    case 'LogicalExpression':
      return [{ what: `right of ${node.operator}`, from: node.right as Node }]
    case 'SwitchCase':
      return (node.consequent as Node[]).slice(0, 1).map((from) => ({ what: 'case', from }))
    case 'CatchClause':
      return [{ what: 'catch', from: node.body as Node }]
    default:
      return []
  }
}

function visit(node: Node, see: (node: Node) => void): void {
  see(node)
  for (const inner of Object.values(node))
    for (const child of Array.isArray(inner) ? inner : [inner])
      if (typeof child === 'object' && child !== null && typeof child.type === 'string')
        visit(child as Node, see)
}
