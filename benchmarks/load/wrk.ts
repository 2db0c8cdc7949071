// Closed-loop load by wrk, with ids of its own for each request; a loop of ours where it is not installed. Fails on any wrong answer.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Call, callText, takeIds } from './call.ts'
import { MARKER } from './canned.ts'
import { has, PINNED } from './process.ts'
import { temporary } from './temporary.ts'

export interface Load {
  readonly connections: number
  readonly seconds: number
  /** Looks into every answer: for warming up, because it costs the generator more than the request does. */
  readonly checked?: boolean
}

export interface Loaded {
  readonly requests: number
  readonly seconds: number
  readonly bytes: number
  /** Milliseconds in a closed loop: they say how long the queue was, not how fast an answer is. */
  readonly p50: number
  readonly p99: number
}

export const WRK = has('wrk')
const run = promisify(execFile)

export async function load(call: Call, options: Load): Promise<Loaded> {
  const folder = temporary('load')
  try {
    const file = join(folder.path, 'call.lua')
    writeFileSync(file, script(call, options.checked === true))
    const command = WRK ? wrkCommand(call, options, file) : ownCommand(call, options)
    const [program = '', ...args] = PINNED ? ['taskset', '-c', '1', ...command] : command
    const { stdout } = await run(program, args)
    return read(stdout)
  } finally {
    folder.remove()
  }
}

function wrkCommand({ port, path }: Call, { connections, seconds }: Load, file: string): string[] {
  const options = ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--timeout', '10s']
  return ['wrk', ...options, '-s', file, `http://127.0.0.1:${port}${path}`]
}

function ownCommand(call: Call, options: Load): string[] {
  const script = new URL('closed-loop.ts', import.meta.url).pathname
  return [process.execPath, script, JSON.stringify({ call, options, first: takeIds() })]
}

interface Said {
  readonly requests: number
  readonly micros: number
  readonly bytes: number
  readonly p50: number
  readonly p99: number
  readonly errors: Readonly<Record<string, number>>
  readonly sample?: string
}

/** The last line is the JSON that the script prints when it is done. */
export function read(stdout: string): Loaded {
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  const { requests, micros, bytes, p50, p99, errors, sample } = JSON.parse(line) as Said
  const failed = Object.entries(errors).filter(([, count]) => count > 0)
  if (failed.length > 0 || requests === 0) {
    const what = failed.map(([kind, count]) => `${count} ${kind}`).join(', ')
    throw new Error(
      `wrong answers under load: ${what || 'none at all'}${sample ? `: ${sample}` : ''}`,
    )
  }
  return { requests, seconds: micros / 1e6, bytes, p50: p50 / 1000, p99: p99 / 1000 }
}

/** Lua for wrk. A global function `response` makes wrk copy every answer, so it is there only when asked for. */
export function script(call: Call, checked: boolean): string {
  const { headers, before, after } = callText(call)
  const length = Buffer.byteLength(before) + Buffer.byteLength(after) + ID_DIGITS
  const head = [
    `POST ${call.path} HTTP/1.1`,
    `Host: 127.0.0.1:${call.port}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${length}`,
  ].join('\r\n')
  return [
    `local before = ${quote(`${head}\r\n\r\n${before}`)}`,
    `local after = ${quote(after)}`,
    `local marker = ${quote(call.marker ?? MARKER)}`,
    `local id = ${takeIds()}`,
    LOOP,
    ...(checked ? [CHECK] : []),
    DONE,
  ].join('\n')
}

const ID_DIGITS = 9

// long brackets take everything as it is, but for line ends: those are escaped
function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\r', '\\r').replaceAll('\n', '\\n')}"`
}

const LOOP = `
threads = {}
wrong = 0
sample = ""
open = {}
function setup(thread) table.insert(threads, thread) end
function request()
  id = id + 1
  if response then open[id] = true end
  return before .. id .. after
end`

const CHECK = `
function response(status, headers, body)
  local found = tonumber(string.match(body, '"id":(%d+)') or "")
  if status == 200 and found and open[found] and string.find(body, marker, 1, true) then
    open[found] = nil
  else
    wrong = wrong + 1
    sample = status .. " " .. string.sub(body, 1, 300)
  end
end`

const DONE = `
function done(summary, latency)
  local wrong, sample = 0, ""
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    if thread:get("sample") ~= "" then sample = thread:get("sample") end
  end
  local e = summary.errors
  io.write(string.format(
    '{"requests":%d,"micros":%d,"bytes":%d,"p50":%d,"p99":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,"wrong":%d},"sample":"%s"}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout, wrong, (string.gsub(sample, '[%c"\\\\]', ' '))))
end`
