// Whether a value fits a JSON Schema, and if not, where and why, as RFC 9457 lists errors; ajv is loaded only to say why.
import { createRequire } from 'node:module'
import { createAccept } from '../../base/accept.ts'
import { AppError, type ErrorCode } from '../../base/errors.ts'

/** RFC 9457 section 3.1: a JSON pointer as a URI fragment, or the name of a parameter or header. */
export interface FieldError {
  readonly pointer?: string
  readonly parameter?: string
  readonly detail: string
}

export type Check = (value: unknown) => readonly FieldError[]

const require = createRequire(import.meta.url)
const MOST_ERRORS = 20

/** Compiled when it is first needed. */
export function createCheck(schema: object): Check {
  const accept = createAccept(schema)
  let judge: Check | undefined
  return (value) => {
    if (accept?.(value)) return []
    judge ??= compile(schema)
    return judge(value)
  }
}

function compile(schema: object): Check {
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js')
  const validate = new Ajv2020({ allErrors: true, strict: false, validateFormats: false }).compile(
    schema,
  )
  return (value) => {
    if (validate(value)) return []
    return (validate.errors ?? []).slice(0, MOST_ERRORS).map((error) => {
      const { instancePath, message = 'is not valid', params, keyword } = error
      const member: unknown =
        keyword === 'additionalProperties' ? params.additionalProperty : undefined
      return {
        pointer: `#${instancePath}${member === undefined ? '' : `/${pointerStep(String(member))}`}`,
        detail: member === undefined ? detailOf(message, params) : 'there is no such member here',
      }
    })
  }
}

function detailOf(message: string, { allowedValues }: Record<string, unknown>): string {
  return Array.isArray(allowedValues) ? `${message}: ${allowedValues.join(', ')}` : message
}

/** RFC 6901 section 3. */
export function pointerStep(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Throws the code with `data.problems`. */
export function assertFits(check: Check, value: unknown, code: ErrorCode): void {
  const problems = check(value)
  const [first] = problems
  if (first === undefined) return
  throw new AppError(code, `${first.pointer ?? first.parameter}: ${first.detail}`, {
    data: { problems },
  })
}
