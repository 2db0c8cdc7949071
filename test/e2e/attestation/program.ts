// The text of a program that is an MCP server over stdio and needs nothing but node.

/** A server of the modern era whose tool says `here`; first it does what is given. */
export function program(first = ''): string {
  return `#!${process.execPath}
import { createInterface } from 'node:readline'
${first}
const result = (method) => {
  if (method === 'server/discover')
    return { supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, serverInfo: { name: 'stdio', version: '1' } }
  if (method === 'tools/list')
    return { tools: [{ name: 'where', inputSchema: { type: 'object' } }], ttlMs: 0, cacheScope: 'private' }
  return { content: [{ type: 'text', text: 'here' }] }
}
createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method } = JSON.parse(line)
  if (id !== undefined)
    console.log(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...result(method) } }))
})
`
}
