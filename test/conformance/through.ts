// `through.ts URL`, run by the suite in place of a client: a gateway with that URL as its server, and the fixture's client on the gateway.
import { readFile } from 'node:fs/promises'
import { startGateway } from '../support/gateway.ts'
import { node, root } from '../support/paths.ts'
import { runProcess } from '../support/process.ts'

const url = process.argv[2] ?? ''
const config = await readFile(`${root}/test/conformance/gateway.yaml`, 'utf8')
const gateway = await startGateway(config, { env: { FIXTURE_URL: url }, cwd: root })
try {
  const client = await runProcess(node, [
    `${root}/test/fixtures/conformance/client.ts`,
    gateway.url,
  ])
  process.stdout.write(client.stdout)
  process.stderr.write(client.stderr)
  if (client.code !== 0) process.stderr.write(gateway.output())
  process.exitCode = client.code ?? 1
} finally {
  await gateway.stop()
}
