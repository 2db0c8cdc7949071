// `portcullis secrets reseal` against the admin API over HTTP: it asks until all is done, and says what became of it.
import { afterEach, expect, it } from 'vitest'
import { type AdminWorld, createAdminWorld } from './admin-world.ts'

let world: AdminWorld
afterEach(() => world[Symbol.asyncDispose]())

const answering = (...answers: object[]) =>
  createAdminWorld({ api: { reseal: async () => answers.shift() ?? {} } })

it('asks again while there is more, and tells how many there were', async () => {
  world = await answering({ outcome: 'more', entities: 200 }, { outcome: 'done', entities: 3 })
  const { exit, out } = await world.run(['secrets', 'reseal'], { tty: true })
  expect([exit, out]).toEqual([0, 'sealed 203 entities anew; all are sealed with the first key\n'])
})

it('says it to programs, too', async () => {
  world = await answering({ outcome: 'done', entities: 0 })
  const { json } = await world.run(['secrets', 'reseal'])
  expect(json).toEqual({ outcome: 'done', entities: 0 })
})

it('ends with 1 for whoever is no admin, and when the answer says nothing', async () => {
  world = await answering({ strange: true })
  const refused = await world.run(['secrets', 'reseal'], { as: 'operator' })
  expect([refused.exit, refused.err]).toEqual([1, expect.stringContaining('AUTH_DENIED')])
  const strange = await world.run(['secrets', 'reseal'])
  expect([strange.exit, strange.err]).toEqual([1, expect.stringContaining('ADMIN_ANSWER')])
})
