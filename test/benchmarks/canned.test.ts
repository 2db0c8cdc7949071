// The bytes of the canned upstream: requests however they are cut, ids echoed as they came, answers of both eras.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  EVENTS,
  MARKER,
  RequestReader,
  readMessage,
  responseTo,
  resultFor,
  streamEvent,
} from '../../benchmarks/load/canned.ts'

const post = (body: string) =>
  `POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const message = (text: string) => readMessage(Buffer.from(text))

describe('the request reader', () => {
  it('finds the same requests wherever the bytes are cut, pipelined, chunked or counted', () => {
    const chunked =
      'POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'
    const bytes = Buffer.from(`${post('one')}${chunked}${post('')}DELETE /mcp HTTP/1.1\r\n\r\n`)
    const expected = ['POST one', 'POST abcde', 'POST ', 'DELETE ']
    fc.assert(
      fc.property(fc.array(fc.nat({ max: bytes.length })), (cuts) => {
        const reader = new RequestReader()
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const found = places
          .slice(1)
          .flatMap((end, index) => reader.push(bytes.subarray(places[index], end)))
        expect(found.map(({ method, body }) => `${method} ${body}`)).toEqual(expected)
      }),
    )
  })
})

describe('a message', () => {
  it('is read alike with and without the short cut', () => {
    const quick = message('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo"}}')
    const slow = message('{"method":"tools/call","params":{"name":"echo"},"jsonrpc":"2.0","id":7}')
    expect(quick).toMatchObject({ id: '7', method: 'tools/call', tool: 'echo' })
    expect(slow).toMatchObject({ id: '7', method: 'tools/call', tool: 'echo' })
  })

  it('keeps the id as it is written, text or number', () => {
    expect(message('{"jsonrpc":"2.0","id":"a-1","method":"ping"}').id).toBe('"a-1"')
    expect(message('{"jsonrpc":"2.0","id":12,"method":"ping"}').id).toBe('12')
  })

  it('without an id is a notification, answered with 202 and nothing', () => {
    const notification = message('{"jsonrpc":"2.0","method":"notifications/initialized"}')
    expect(responseTo(notification)).toBe('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n')
  })
})

describe('an answer', () => {
  const call = (tool: string) =>
    message(`{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"${tool}"}}`)

  it('carries the id of its request and counts its own bytes', () => {
    const [head = '', body = ''] = responseTo(call('echo')).split('\r\n\r\n')
    expect(JSON.parse(body)).toMatchObject({ jsonrpc: '2.0', id: 5 })
    expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`)
    expect(body).toContain(MARKER)
  })

  it('has about 200 bytes or about 64 KB, by the name of the tool', () => {
    expect(responseTo(call('echo')).length).toBeLessThan(350)
    expect(responseTo(call('big')).length).toBeGreaterThan(55_000)
    expect(responseTo(call('big')).length).toBeLessThan(70_000)
  })

  it('opens both eras', () => {
    const initialize = message(
      '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}',
    )
    expect(JSON.parse(resultFor(initialize))).toMatchObject({ protocolVersion: '2025-06-18' })
    const discover = message('{"jsonrpc":"2.0","id":0,"method":"server/discover"}')
    expect(JSON.parse(resultFor(discover)).supportedVersions).toContain('2026-07-28')
  })

  it('as a stream repeats the progress token and ends with the result', () => {
    const wanted = message(
      '{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"stream","_meta":{"progressToken":"p1"}}}',
    )
    const data = (index: number) => {
      const chunk = streamEvent(wanted, index, 9n)
      const [size = '', ...rest] = chunk.split('\r\n')
      const event = rest[0] ?? ''
      expect(Number.parseInt(size, 16)).toBe(Buffer.byteLength(event))
      return JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '')
    }
    expect(data(0).params).toMatchObject({ progressToken: 'p1', progress: 1, total: EVENTS })
    expect(data(EVENTS)).toMatchObject({ id: 5 })
  })
})
