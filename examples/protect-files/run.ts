// Reads a file with a secret in it and tries to write one, through the gateway.
import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { startGateway } from 'portcullis'
import { connect } from '../client.ts'

const here = import.meta.dirname
const running = await startGateway({
  configFile: join(here, 'gateway.yaml'),
  flags: { 'listen.port': 0, 'admin.port': 0 },
  watch: false,
})

try {
  await using caller = await connect(running.url)

  const read = await caller.call('files__read_text_file', { path: join(here, 'files/deploy.env') })
  assert.equal(read.isError, false)
  assert.match(read.text, /REGION=eu-west-1/)
  assert.match(read.text, /DEPLOY_TOKEN=\[redacted secret\]/)
  assert.doesNotMatch(read.text, /not-a-real-token/)
  console.log(read.text.trimEnd())

  const notes = await caller.call('files__read_text_file', { path: join(here, 'files/notes.txt') })
  assert.match(notes.text, /\[redacted email\]/)

  const written = join(here, 'files/written.txt')
  for (const tool of ['write_file', 'create_directory', 'edit_file', 'move_file']) {
    const args = { path: written, content: '', edits: [], source: written, destination: written }
    assert.deepEqual(await caller.call(`files__${tool}`, args), {
      text: 'blocked by policy: these files can be read, not changed (READ_ONLY)',
      isError: true,
    })
  }
  assert.equal(existsSync(written), false)
  console.log('nothing was written')
} finally {
  await running.stop()
}
