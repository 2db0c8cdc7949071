// JSON text as values where JSON.parse is not to be trusted: V8 may take a name with an escape for one it saw before (nodejs/node#63785).
import { AppError } from '../base/errors.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SPACE = 0x20

/**
 * After an object with a member `na\u` (written `"na\\u"`), V8 reads `"na\u006de"` in one of the same shape as `na\u`, too: a
 * policy would not see the member `name` that the server reads. So texts with an escape in a name are read here.
 * The scan has proved that the text is JSON without a member twice, and how deep it is. `number` makes the value of a number.
 */
export function parseEscapedNames(text: string, number: (source: string) => unknown): unknown {
  let at = 0

  function space(): void {
    while (text.charCodeAt(at) <= SPACE) at++
  }

  function string(): string {
    const start = at
    let escaped = false
    let code = text.charCodeAt(++at)
    while (code !== QUOTE) {
      if (at >= text.length) throw new AppError('INTERNAL', 'a text that was scanned is no JSON')
      if (code === BACKSLASH) {
        escaped = true
        at++
      }
      code = text.charCodeAt(++at)
    }
    at++
    // a string alone has no name to mistake
    return escaped ? JSON.parse(text.slice(start, at)) : text.slice(start + 1, at - 1)
  }

  /** From an opening bracket to behind the closing one. */
  function items(close: number, item: () => void): void {
    at++
    for (space(); text.charCodeAt(at) !== close; space()) {
      item()
      space()
      if (text.charCodeAt(at) === COMMA) at++
      space()
    }
    at++
  }

  function array(): unknown[] {
    const found: unknown[] = []
    items(CLOSE_ARRAY, () => void found.push(value()))
    return found
  }

  function object(): Record<string, unknown> {
    const found: Record<string, unknown> = {}
    items(CLOSE_OBJECT, () => {
      const name = string()
      space()
      at++
      const inner = value()
      if (name === '__proto__') define(found, name, inner)
      else found[name] = inner
    })
    return found
  }

  function value(): unknown {
    space()
    const code = text.charCodeAt(at)
    if (code === QUOTE) return string()
    if (code === OPEN_OBJECT) return object()
    if (code === OPEN_ARRAY) return array()
    const start = at
    while (isScalar(text.charCodeAt(at))) at++
    if (at === start) throw new AppError('INTERNAL', 'a text that was scanned is no JSON')
    return scalar(text.slice(start, at))
  }

  function scalar(token: string): unknown {
    if (token === 'null') return null
    if (token === 'true' || token === 'false') return token === 'true'
    return number(token)
  }

  return value()
}

/** Letters, digits, and what else is in numbers. */
function isScalar(code: number): boolean {
  return code > SPACE && code !== COMMA && code !== CLOSE_ARRAY && code !== CLOSE_OBJECT
}

// a member like any other: assignment would set the prototype
function define(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  })
}
