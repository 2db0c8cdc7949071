// docs/errors.md from the table of error codes; the order of the table is the order of the page.
import { ERRORS, type ErrorSpec } from '../../src/base/errors.ts'
import { table } from './markdown.ts'

const INTRODUCTION = `# Error codes

Made by \`npm run generate\` from \`src/base/errors.ts\`; do not edit.

Codes are public contract: a code is never renamed and never given another meaning. The JSON-RPC code is what an MCP client
sees in \`error.code\`, the HTTP status is used where headers are still unsent, and the gateway's own code is in
\`error.data.code\`. The message that comes with a code says which plugin, point, server or place in the configuration it is
about; it holds no secrets and no payload.
`

/** Codes by the word before the first underscore, in the order in which those words appear. */
export function errorsReference(): string {
  const areas = Map.groupBy(Object.entries<ErrorSpec>(ERRORS), ([code]) => code.split('_', 1)[0])
  const sections = [...areas].map(([area, rows]) => {
    const lines = rows.map(([code, { rpc, http, what, next }]) => [
      `\`${code}\``,
      String(rpc),
      String(http),
      what,
      next,
    ])
    return `## ${area}\n\n${table(['code', 'JSON-RPC', 'HTTP', 'what happened', 'what to do'], lines)}`
  })
  return `${INTRODUCTION}\n${sections.join('\n')}`
}
