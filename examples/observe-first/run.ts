// Lets a policy report, turns it on by saving the file, and reads in the audit what it did before and after.
import { strict as assert } from 'node:assert'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startGateway } from 'portcullis'
import { connect } from '../client.ts'

// a copy, because the story changes the file
const folder = await mkdtemp(join(tmpdir(), 'observe-first-'))
const configFile = join(folder, 'gateway.yaml')
await copyFile(join(import.meta.dirname, 'gateway.yaml'), configFile)
const server = join(
  import.meta.dirname,
  '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
)

const running = await startGateway({
  configFile,
  env: { ...process.env, SERVER: server },
  flags: { 'listen.port': 0, 'admin.port': 0 },
})

try {
  await using caller = await connect(running.url)

  // the policy reports, the call goes on
  assert.equal((await caller.call('everything__get-env')).isError, false)
  assert.deepEqual(await records('no-environment', 1), [{ kind: 'would_deny', effective: false }])
  console.log('audit: it would have been denied')

  // saving the file is all it takes
  const text = await readFile(configFile, 'utf8')
  await writeFile(configFile, text.replace('mode: audit', 'mode: enforce'))
  await generation(2)

  // now it acts, in the same session
  assert.deepEqual(await caller.call('everything__get-env'), {
    text: 'blocked by policy: environment variables may hold secrets (ENVIRONMENT)',
    isError: true,
  })
  assert.deepEqual(await records('no-environment', 2), [
    { kind: 'would_deny', effective: false },
    { kind: 'refusal', effective: true },
  ])
  console.log('enforce: it is denied')
} finally {
  await running.stop()
  await rm(folder, { recursive: true })
}

/** What the audit says that one policy decided, once it has as many records as expected; they are written in batches. */
async function records(entry: string, count: number) {
  for (const end = Date.now() + 10_000; ; await sleep(50)) {
    const lines = (await readFile(join(folder, 'audit.jsonl'), 'utf8')).split('\n').slice(0, -1)
    const found = lines
      .map((line) => JSON.parse(line))
      .filter((record) => record.entry === entry && record.verdict !== undefined)
    if (found.length >= count || Date.now() > end)
      return found.map(({ kind, effective }) => ({ kind, effective }))
  }
}

async function generation(wanted: number) {
  for (const end = Date.now() + 10_000; Date.now() < end; await sleep(50)) {
    const answer = await fetch(`${running.adminUrl}/readyz`)
    if (((await answer.json()) as { generation: number }).generation >= wanted) return
  }
  assert.fail('the gateway did not take up the new configuration')
}
