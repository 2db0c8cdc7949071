// undici as a whole, loaded with the first outgoing request: most gateways have no plugin that makes one.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export function undici(): typeof import('undici') {
  return require('undici') as typeof import('undici')
}
