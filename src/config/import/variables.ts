// The variable spellings of other programs to `${env:NAME}`; it knows whether a variable is set, never what it holds.
import type { Path } from '../problem.ts'
import type { ImportReport } from './report.ts'

export interface Variables {
  readonly env: Readonly<Record<string, string | undefined>>
  /** VS Code's `inputs`, by id: a person would be asked, a gateway reads a variable. */
  readonly inputs: ReadonlyMap<string, string>
}

const VARIABLE = /\$\{([^}]*)\}/g
const ENV = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/
// VS Code variables with an equivalent that needs no editor
const FIXED: Readonly<Record<string, string>> = {
  userHome: `\${env:HOME}`,
  pathSeparator: '/',
  '/': '/',
  workspaceFolder: '.',
}

/** `${NAME}`, `${NAME:-x}`, `${env:NAME}`, `${input:id}` and editor variables; what has no equivalent is a failure at its place. */
export function translateVariables(
  text: string,
  path: Path,
  report: ImportReport,
  variables: Variables,
): string {
  return text.replace(VARIABLE, (all: string, inner: string) => {
    if (inner.startsWith('file:')) return all
    if (inner.startsWith('input:'))
      return fromInput(inner.slice('input:'.length), path, report, variables)
    if (Object.hasOwn(FIXED, inner)) {
      if (inner === 'workspaceFolder')
        report.warn(path, `\${workspaceFolder} became "." (the folder the gateway is started in)`)
      return FIXED[inner] as string
    }
    const match = ENV.exec(inner)
    if (!match?.[1]) {
      report.fail(
        path,
        `the variable ${all} has no counterpart; replace it by a value or \${env:NAME}`,
      )
      return all
    }
    return reference(match[1], match[2], path, report, variables)
  })
}

function fromInput(id: string, path: Path, report: ImportReport, variables: Variables): string {
  const name = id
    .replace(/[^A-Za-z0-9]+/g, '_')
    .replace(/^(\d)/, '_$1')
    .toUpperCase()
  const asked = variables.inputs.get(id)
  report.warn(
    path,
    `the input "${id}" is read from the environment variable ${name}${asked ? ` (${asked})` : ''}`,
  )
  return `\${env:${name}}`
}

function reference(
  name: string,
  fallback: string | undefined,
  path: Path,
  report: ImportReport,
  variables: Variables,
): string {
  if (fallback !== undefined) return `\${env:${name}:-${fallback}}`
  if (variables.env[name] === undefined)
    report.warn(
      path,
      `the environment variable ${name} is not set; the gateway does not start without it`,
    )
  return `\${env:${name}}`
}

const JINJA =
  /\{\{-?\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:\|\s*default\(\s*(?:"([^"}]*)"|'([^'}]*)')\s*(?:,\s*(?:true|True)\s*)?\)\s*)?-?\}\}/g

/** ContextForge's `{{ env.NAME | default("x") }}`; any other template is a failure, because it would be taken literally. */
export function translateTemplates(text: string, path: Path, report: ImportReport): string {
  // what was literal there must stay literal here
  const escaped = text.replaceAll('${', () => '$${')
  const done = escaped.replace(
    JINJA,
    (_all, name: string, double: string | undefined, single: string | undefined) => {
      const fallback = double ?? single
      return fallback === undefined ? `\${env:${name}}` : `\${env:${name}:-${fallback}}`
    },
  )
  if (/\{\{|\{%/.test(done))
    report.fail(path, `this template cannot be translated; replace it by \${env:NAME} or a value`)
  return done
}
