// Rewrites the loops of a checked expression so that each turn is paid for and none is quadratic; it changes no meaning.
import type { Tree } from './cel-check.ts'
import { APPEND, FRESH_LIST, TICK } from './cel-functions.ts'

type Loop = Extract<Tree['exprKind'], { case: 'comprehensionExpr' }>['value']

/** Changes the tree in place; it is ours alone. */
export function guardLoops(tree: Tree): void {
  for (const child of children(tree)) guardLoops(child)
  if (tree.exprKind.case !== 'comprehensionExpr') return
  const loop = tree.exprKind.value
  if (loop.loopCondition) loop.loopCondition = call(tree.id, TICK, [loop.loopCondition])
  if (loop.accuInit?.exprKind.case === 'listExpr' && loop.loopStep) {
    loop.accuInit = call(tree.id, FRESH_LIST, [])
    appendInPlace(loop, loop.loopStep)
  }
}

// map() expands to `acc + [x]`, filter() to `test ? acc + [x] : acc`
function appendInPlace(loop: Loop, step: Tree): void {
  if (step.exprKind.case !== 'callExpr') return
  const { function: name, args } = step.exprKind.value
  if (name === '_?_:_' && args[1]) {
    appendInPlace(loop, args[1])
    return
  }
  const [accumulator, list] = args
  const item = list?.exprKind.case === 'listExpr' ? list.exprKind.value.elements[0] : undefined
  const isAccumulator =
    accumulator?.exprKind.case === 'identExpr' && accumulator.exprKind.value.name === loop.accuVar
  if (name !== '_+_' || !isAccumulator || !item) return
  step.exprKind.value.function = APPEND
  step.exprKind.value.args = [accumulator, item]
}

function call(id: bigint, name: string, args: Tree[]): Tree {
  return {
    $typeName: 'cel.expr.Expr',
    id,
    exprKind: {
      case: 'callExpr',
      value: { $typeName: 'cel.expr.Expr.Call', function: name, args },
    },
  }
}

function children(tree: Tree): Tree[] {
  const { exprKind } = tree
  switch (exprKind.case) {
    case 'selectExpr':
      return present([exprKind.value.operand])
    case 'callExpr':
      return present([exprKind.value.target, ...exprKind.value.args])
    case 'listExpr':
      return exprKind.value.elements
    case 'structExpr':
      return present(
        exprKind.value.entries.flatMap((entry) => [
          entry.keyKind.case === 'mapKey' ? entry.keyKind.value : undefined,
          entry.value,
        ]),
      )
    case 'comprehensionExpr': {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value
      return present([iterRange, accuInit, loopCondition, loopStep, result])
    }
    default:
      return []
  }
}

function present(trees: readonly (Tree | undefined)[]): Tree[] {
  return trees.filter((tree) => tree !== undefined)
}
