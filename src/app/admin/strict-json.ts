// JSON as the admin API takes it: what two readers could read differently is refused, as on the MCP side; it knows no schema.
import { AppError } from '../../base/errors.ts'
import { parseEscapedNames } from '../../wire/parse.ts'
import { scan } from '../../wire/scan.ts'

const MOST_DEPTH = 64

/** Throws WIRE_PARSE, WIRE_DUPLICATE_MEMBER, WIRE_CASE_VARIANT, WIRE_TOO_DEEP, NUMBER_UNSAFE. */
export function readStrictJson(bytes: Uint8Array): unknown {
  const { unsafeNumber, escapedName } = scan(bytes, { depth: MOST_DEPTH })
  if (unsafeNumber)
    throw new AppError('NUMBER_UNSAFE', 'the body has an integer beyond 2^53; send it as a string')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return escapedName ? parseEscapedNames(text, Number) : JSON.parse(text)
}
