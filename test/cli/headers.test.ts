// Headers on the command line: keys come from the environment, and what is wrong is said without the value.
import { expect, it } from 'vitest'
import { headersOf } from '../../src/cli/headers.ts'

const ENV = { KEY: 'k-1', BREAK: 'a\nb' }

it('names are lower case, values are what stands behind the first colon', () => {
  expect(headersOf(['X-Team: red: team', 'x-empty:'], {})).toEqual({
    'x-team': 'red: team',
    'x-empty': '',
  })
})

it('variables of the environment are put in', () => {
  expect(headersOf(['Authorization: Bearer ${env:KEY}', 'X-Api-Key: ${env:KEY}'], ENV)).toEqual({
    authorization: 'Bearer k-1',
    'x-api-key': 'k-1',
  })
})

it.each([
  ['Authorization: Bearer sesame', 'environment'],
  ['Cookie: a=sesame', 'environment'],
  ['X-Api-Key: sesame', 'environment'],
  ['X-Auth-Token: sesame', 'environment'],
  ['X-Team: ${env:NONE}', '--header: the environment variable NONE'],
  ['X-Team: ${env:BREAK}', 'cannot be sent'],
  ['no header', 'Name: value'],
  ['b@d name: sesame', 'Name: value'],
  ['Host: sesame', 'own to set'],
  ['Mcp-Session-Id: sesame', 'own to set'],
  ['Content-Length: 1', 'own to set'],
])('%s is refused', (text, what) => {
  expect(() => headersOf([text], ENV)).toThrow(what)
  expect(() => headersOf([text], ENV)).not.toThrow('sesame')
})

it('the same header twice is refused', () => {
  expect(() => headersOf(['X-A: 1', 'x-a: 2'], {})).toThrow('twice')
})
