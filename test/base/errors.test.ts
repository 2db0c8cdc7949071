// The error class and what its table promises.
import { describe, expect, it } from 'vitest'
import { AppError, ERRORS, isAppError, messageOf } from '../../src/base/errors.ts'

describe('a fault', () => {
  it('carries its code and what a client sees of it', () => {
    const cause = new Error('ENOENT')
    const error = new AppError('CONFIG_NOT_FOUND', 'no file at a.yaml', {
      cause,
      data: { file: 'a.yaml' },
    })
    expect(error).toMatchObject({
      name: 'AppError',
      message: 'no file at a.yaml',
      code: 'CONFIG_NOT_FOUND',
      rpc: -32603,
      http: 500,
      cause,
      data: { file: 'a.yaml' },
    })
  })

  it('has no cause and no data unless given', () => {
    const error = new AppError('INTERNAL', 'broken')
    expect(Object.hasOwn(error, 'cause')).toBe(false)
    expect(error.data).toBeUndefined()
  })

  it('is told from other errors, and by its code', () => {
    const error = new AppError('WIRE_PARSE', 'x')
    expect(isAppError(error)).toBe(true)
    expect(isAppError(error, 'WIRE_PARSE')).toBe(true)
    expect(isAppError(error, 'INTERNAL')).toBe(false)
    expect(isAppError(new Error('x'))).toBe(false)
  })
})

describe('the message of anything thrown', () => {
  it('is that of an error, or the value as text', () => {
    expect(messageOf(new Error('a'))).toBe('a')
    expect(messageOf('b')).toBe('b')
    expect(messageOf(undefined)).toBe('undefined')
  })
})

describe('the table of errors', () => {
  it('says in lower case without a full stop what happened and what to do', () => {
    for (const [code, { what, next }] of Object.entries(ERRORS))
      for (const text of [what, next])
        expect(text, code).toMatch(/^(?:[a-z]|MCP|HTTP|SHA)[^\n]*[^.\n]$/)
  })

  it('gives every code a JSON-RPC code outside the success range and an HTTP error status', () => {
    for (const [code, { rpc, http }] of Object.entries(ERRORS)) {
      expect(rpc, code).toBeLessThanOrEqual(-31000)
      expect(rpc, code).toBeGreaterThanOrEqual(-32768)
      expect(http, code).toBeGreaterThanOrEqual(400)
      expect(http, code).toBeLessThanOrEqual(599)
    }
  })

  it('names codes AREA_WHAT', () => {
    for (const code of Object.keys(ERRORS)) expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/)
  })
})
