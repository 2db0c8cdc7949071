// The imports of a source file, by syntax tree; it judges nothing.
import { posix } from 'node:path'
import { parseAst } from 'vitest/node'

export interface Import {
  /** As written. */
  readonly specifier: string
  /** Path of the imported file for a relative specifier; undefined for packages and Node's own modules. */
  readonly target: string | undefined
  /** Erased before running: `import type` and `export type`. `import { type T }` still loads the module. */
  readonly typeOnly: boolean
  /** The names taken from it; undefined when it may be all of them. */
  readonly names: readonly string[] | undefined
  /** `import()`, `require()` or `getBuiltinModule()`: runs when asked, so it cannot close a cycle of evaluation. */
  readonly lazy: boolean
  readonly line: number
}

export interface Source {
  /** Relative to the repository, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly lines: number
  readonly imports: readonly Import[]
  readonly defaultExport: boolean
}

interface Node {
  readonly type: string
  readonly value?: unknown
  readonly callee?: Node & {
    readonly name?: string
    readonly property?: { readonly name?: string }
  }
  readonly arguments?: readonly Node[]
  readonly start: number
  readonly source?: { readonly value?: unknown } | null
  readonly importKind?: string
  readonly exportKind?: string
  readonly specifiers?: readonly {
    readonly type: string
    readonly imported?: { readonly name?: string }
  }[]
}

export function scan(path: string, text: string): Source {
  const nodes = [...walk(parseAst(text, { lang: 'ts' }) as unknown as Node)]
  return {
    path,
    text,
    lines: text.split('\n').length - 1,
    imports: nodes.flatMap((node) => importOf(node, path, text)),
    defaultExport: nodes.some((node) => node.type === 'ExportDefaultDeclaration'),
  }
}

const LOADING = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
])

function importOf(node: Node, path: string, text: string): Import[] {
  const specifier = LOADING.has(node.type) ? node.source?.value : required(node)
  if (typeof specifier !== 'string') return []
  const relative = /^\.{1,2}\//.test(specifier)
  return [
    {
      specifier,
      target: relative ? posix.join(posix.dirname(path), specifier) : undefined,
      typeOnly: node.importKind === 'type' || node.exportKind === 'type',
      names: namesOf(node),
      lazy: node.type === 'ImportExpression' || node.type === 'CallExpression',
      line: text.slice(0, node.start).split('\n').length,
    },
  ]
}

// what is made by createRequire is called require everywhere
function required({ type, callee, arguments: given = [] }: Node): unknown {
  const name = callee?.name ?? callee?.property?.name
  const loads = name === 'require' || name === 'getBuiltinModule'
  return type === 'CallExpression' && loads ? given[0]?.value : undefined
}

function namesOf({ type, specifiers = [] }: Node): string[] | undefined {
  const named = specifiers.every((one) => one.type === 'ImportSpecifier')
  return type === 'ImportDeclaration' && named
    ? specifiers.map(({ imported }) => imported?.name ?? '')
    : undefined
}

function* walk(node: Node): Generator<Node> {
  yield node
  for (const inner of Object.values(node)) {
    for (const child of Array.isArray(inner) ? inner : [inner])
      if (typeof child === 'object' && child !== null && typeof child.type === 'string')
        yield* walk(child as Node)
  }
}
