// Decides which values of a configuration may be shown to a person; closed on doubt.
import { isSecretMember } from '../../base/log.ts'
import type { Path } from '../problem.ts'
import type { ScalarNode } from '../source/tree.ts'
import type { Schema } from './schema.ts'

const SECRET_VARIABLE = /key|token|secret|pass|credential|auth|cookie|private|dsn|signature|salt/i

/**
 * Whether the value is hidden: marked `x-secret`, below a member named like a secret, read from a file, from a variable
 * named like a secret, or substituted where no schema says what it is (a plugin's own settings).
 */
export function isSecretPlace(node: ScalarNode, path: Path, schema: Schema | undefined): boolean {
  if (schema?.['x-secret']) return true
  if (path.some((step) => typeof step === 'string' && isSecretMember(step))) return true
  if (node.from === undefined) return false
  if (schema === undefined || node.origin === 'secret-file') return true
  return node.from.some((name) => SECRET_VARIABLE.test(name))
}

const SECRET_FLAG = /^--?[\w-]*(key|token|secret|password|passwd|credential)[\w-]*/i

/** A command-line argument with what follows `--token=` hidden; undefined when nothing of it may be shown. */
export function showArgument(argument: string, previous: string | undefined): string | undefined {
  if (previous !== undefined && SECRET_FLAG.test(previous) && !previous.includes('='))
    return undefined
  const equals = argument.indexOf('=')
  if (equals > 0 && SECRET_FLAG.test(argument.slice(0, equals)))
    return `${argument.slice(0, equals + 1)}…`
  return argument
}
