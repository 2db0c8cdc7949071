// The canned MCP server on standard input and output, for gateways that start their servers themselves; one JSON message per line.
import { readMessage, resultFor } from './canned.ts'

const NEWLINE = 10
let rest: Buffer = Buffer.alloc(0)

process.stdin.on('data', (chunk: Buffer) => {
  let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
  let answers = ''
  for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE)) {
    answers += answerTo(bytes.subarray(0, end))
    bytes = bytes.subarray(end + 1)
  }
  rest = bytes
  if (answers !== '') process.stdout.write(answers)
})
process.stdin.on('end', () => process.exit(0))

function answerTo(line: Buffer): string {
  const message = readMessage(line)
  if (message.id === undefined) return ''
  return `{"jsonrpc":"2.0","id":${message.id},"result":${resultFor(message)}}\n`
}
