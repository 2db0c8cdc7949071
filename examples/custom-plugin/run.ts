// Runs the plugin's own tests, then the plugin in a gateway in front of a real server.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { startGateway } from 'portcullis'
import { connect } from '../client.ts'

const here = import.meta.dirname
const tests = spawnSync(
  process.execPath,
  [...process.execArgv, '--test', join(here, 'plugins/no-big-sums/no-big-sums.test.ts')],
  { encoding: 'utf8', timeout: 60_000 },
)
assert.equal(tests.status, 0, tests.stdout + tests.stderr)
console.log('the tests of the plugin pass')

const running = await startGateway({
  configFile: join(here, 'gateway.yaml'),
  flags: { 'listen.port': 0, 'admin.port': 0 },
  watch: false,
})

try {
  await using caller = await connect(running.url)
  const small = await caller.call('everything__get-sum', { a: 19, b: 23 })
  assert.deepEqual(small, {
    text: 'The sum of 19 and 23 is 42.\n58 below the limit',
    isError: false,
  })
  console.log(small.text)
  const big = await caller.call('everything__get-sum', { a: 100, b: 1 })
  assert.deepEqual(big, {
    text: 'blocked by policy: the sum is above 100 (SUM_TOO_BIG)',
    isError: true,
  })
  console.log(big.text)
  // the conditions of the entry name get-sum only
  assert.equal((await caller.call('everything__echo', { message: 'hi' })).text, 'Echo: hi')
} finally {
  await running.stop()
}
