// Headers and variables given on the command line: what everybody on the machine can read there must be no secret, so keys come from the environment.
import { UsageError } from './exit.ts'

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VARIABLE = /\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}/g
/** Names under which keys and tokens are sent. */
const SECRET = /auth|cookie|token|secret|passw|key|session|credential/i
/** What frames a message, or is the protocol's to say. */
const OURS =
  /^(accept|connection|content-.*|expect|host|keep-alive|last-event-id|mcp-.*|te|trailer|transfer-encoding|upgrade)$/i

/** `Name: value` each. Throws UsageError, which never repeats a value. */
export function headersOf(
  given: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const text of given) {
    const at = text.indexOf(':')
    const name = text.slice(0, at).trim().toLowerCase()
    if (at < 0 || !TOKEN.test(name))
      throw new UsageError("--header: a header is given as 'Name: value'")
    if (OURS.test(name)) throw new UsageError(`--header: ${name} is the program's own to set`)
    if (Object.hasOwn(headers, name)) throw new UsageError(`--header: ${name} is given twice`)
    headers[name] = valueFrom('--header', name, text.slice(at + 1).trim(), env)
  }
  return headers
}

/** `NAME=value` each, or `NAME` alone for the variable of this environment. Throws UsageError, which never repeats a value. */
export function variablesOf(
  given: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const variables: Record<string, string> = {}
  for (const text of given) {
    const [name = ''] = text.split('=', 1)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new UsageError('--env: a variable is given as NAME=value, or as NAME alone')
    if (Object.hasOwn(variables, name)) throw new UsageError(`--env: ${name} is given twice`)
    const value = text === name ? `\${env:${name}}` : text.slice(name.length + 1)
    variables[name] = valueFrom('--env', name, value, env)
  }
  return variables
}

function valueFrom(
  option: string,
  name: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): string {
  // others on this machine see command lines
  if (SECRET.test(name) && text.replace(VARIABLE, '') === text)
    throw new UsageError(
      `${option}: the value of ${name} has to come from the environment: \${env:NAME}`,
    )
  const value = text.replace(VARIABLE, (_, variable: string) => {
    const found = env[variable]
    if (found === undefined || found === '')
      throw new UsageError(
        `${option}: the environment variable ${variable}, used by ${name}, is not set`,
      )
    return found
  })
  if (/[^\t\x20-\x7e\x80-\xff]/.test(value))
    throw new UsageError(
      `${option}: the value of ${name} cannot be sent: it has characters that no header and no variable may have`,
    )
  return value
}
