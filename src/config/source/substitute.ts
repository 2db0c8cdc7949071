// Replaces ${env:NAME}, ${env:NAME:-default} and ${file:path} in scalars that are already parsed; keys and structure stay as written.
import { dirname, resolve } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import { createProblem, type Path, type Place, type Problem } from '../problem.ts'
import { mapScalars, type Origin, type ScalarNode, type TreeNode } from './tree.ts'

export interface SubstituteOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a file named by `${file:...}`, with an absolute path. */
  readonly readSecret: (path: string) => Promise<string>
}

const MARK = '${'
const EXPRESSION = /\$\$\{|\$\{([^}]*)(\}?)/g
const ENV = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/
const BARE_NAME = /^[A-Za-z_][A-Za-z0-9_]*(:-.*)?$/

/** The tree with every substitution made; a missing variable or file is a problem at the scalar's place. */
export async function substitute(
  tree: TreeNode,
  options: SubstituteOptions,
): Promise<{ tree: TreeNode; problems: Problem[]; files: string[] }> {
  const problems: Problem[] = []
  const secrets = await readSecrets(tree, options)
  const changed = mapScalars(tree, (scalar, path) => {
    if (typeof scalar.value !== 'string' || !scalar.value.includes(MARK)) return scalar
    return expand(scalar, scalar.value, path, options.env, secrets, problems)
  })
  return { tree: changed, problems, files: [...secrets.keys()] }
}

type Secrets = ReadonlyMap<string, { text: string } | { fault: string }>

async function readSecrets(tree: TreeNode, options: SubstituteOptions): Promise<Secrets> {
  const names = new Set<string>()
  mapScalars(tree, (scalar) => {
    if (typeof scalar.value === 'string')
      for (const [all, inner] of scalar.value.matchAll(EXPRESSION))
        if (all !== '$${' && inner?.startsWith('file:')) names.add(secretPath(inner, scalar.place))
    return scalar
  })
  const secrets = new Map<string, { text: string } | { fault: string }>()
  for (const name of names) {
    try {
      secrets.set(name, { text: (await options.readSecret(name)).replace(/\r?\n$/, '') })
    } catch (error) {
      secrets.set(name, { fault: messageOf(error) })
    }
  }
  return secrets
}

function secretPath(expression: string, place: Place): string {
  return resolve(dirname(place.file), expression.slice('file:'.length))
}

function expand(
  scalar: ScalarNode,
  text: string,
  path: Path,
  env: SubstituteOptions['env'],
  secrets: Secrets,
  problems: Problem[],
): ScalarNode {
  let origin: Origin = scalar.origin
  const from: string[] = []
  const fail = (message: string, suggestion?: string): string => {
    problems.push(createProblem(scalar.place, path, message, { suggestion }))
    return ''
  }
  const value = text.replace(
    EXPRESSION,
    (all: string, inner: string | undefined, close: string) => {
      if (all === '$${') return MARK
      if (close === '') return fail('a substitution is not closed; write $${ for a literal ${')
      if (inner?.startsWith('file:')) {
        origin = 'secret-file'
        from.push(inner)
        const secret = secrets.get(secretPath(inner, scalar.place))
        if (secret && 'text' in secret) return secret.text
        return fail(`${all} cannot be read: ${secret?.fault ?? 'not a file'}`)
      }
      const match = ENV.exec(inner ?? '')
      if (!match?.[1])
        return fail(
          `unknown substitution ${all}; known: \${env:NAME}, \${env:NAME:-default}, \${file:path}`,
          bareName(inner),
        )
      if (origin !== 'secret-file') origin = 'env'
      from.push(`env:${match[1]}`)
      const set = env[match[1]]
      // as in a shell, :- also stands in for an empty variable
      if (match[2] !== undefined) return set === undefined || set === '' ? match[2] : set
      return (
        set ??
        fail(
          `the environment variable ${match[1]} is not set; set it or write \${env:${match[1]}:-default}`,
        )
      )
    },
  )
  if (from.length === 0) return { ...scalar, value }
  const whole = /^(?!\$\$)\$\{[^}]*\}$/.test(text)
  return { ...scalar, value, origin, from, ...(whole ? { coercible: true } : {}) }
}

function bareName(inner: string | undefined): string | undefined {
  return inner !== undefined && BARE_NAME.test(inner) ? `\${env:${inner}}` : undefined
}
