// Starts an attested server on a software TPM, challenges it as a gateway does, and puts a relay in between that must not get through.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { connect, createServer as createTlsServer } from 'node:tls'
import { makeCertificate } from './certificate.ts'
import { challenge } from './challenge.ts'
import { startServer } from './server.ts'
import { missingPrograms, startSoftwareTpm } from './software-tpm.ts'
import { tpmSource } from './tpm-source.ts'

const missing = [
  ...missingPrograms(),
  ...(spawnSync('openssl', ['version']).error ? ['openssl'] : []),
]
if (missing.length > 0) console.log(`skipped: ${missing.join(', ')} not installed`)
else await story()

async function story(): Promise<void> {
  await using tpm = await startSoftwareTpm()
  // whatever starts this process measures it first; a real machine has its firmware do so
  const measured = 'ab'.repeat(32)
  await tpm.extend(16, measured)

  const serverId = 'spiffe://prod.example/mcp/files'
  const { certificate, key } = makeCertificate()
  const source = tpmSource(tpm, { registers: { sha256: [0, 7, 16] } })
  await using server = await startServer({ serverId, certificate, key, sources: [source] })
  const { port, url: targetUrl } = server
  const asked = { port, serverId, targetUrl, trusted: certificate }

  assert.equal(await tools(port, certificate), 'where')
  console.log('the server offers: where')

  const answer = await challenge(asked)
  assert.equal(answer.status, 200)
  assert(answer.isSignedBy(tpm.akSpki))
  assert.deepEqual(answer.extraData, answer.binder.subarray(0, 32))
  assert.notEqual(answer.pcrs.sha256?.[16], '00'.repeat(32))
  console.log('its TPM signed our nonce, its key, its name and this connection')

  const again = await challenge(asked)
  assert.notDeepEqual(again.extraData, answer.extraData)
  console.log('another challenge has another answer')

  const other = await challenge({ ...asked, serverId: 'spiffe://prod.example/mcp/mail' })
  assert.equal(other.status, 403)
  console.log('for another name nothing is attested')

  // somebody with a certificate of their own, in front of the genuine server
  const relay = makeCertificate()
  await using front = await startRelay(relay, port, certificate)
  const relayed = await challenge({ ...asked, port: front.port, trusted: relay.certificate })
  assert.equal(relayed.status, 200)
  assert(relayed.isSignedBy(tpm.akSpki))
  assert.notDeepEqual(relayed.extraData, relayed.binder.subarray(0, 32))
  console.log('a relay gets a genuine quote, and it is of another connection')
}

/** Ends TLS and opens it again to the server behind, byte for byte. */
async function startRelay(
  own: { readonly certificate: string; readonly key: string },
  port: number,
  trusted: string,
): Promise<AsyncDisposable & { readonly port: number }> {
  const relay = createTlsServer({ cert: own.certificate, key: own.key }, (client) => {
    const behind = connect({ host: '127.0.0.1', port, servername: 'localhost', ca: trusted })
    client.pipe(behind).pipe(client)
    for (const socket of [client, behind]) socket.on('error', () => client.destroy())
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  const dispose = async () => void relay.close()
  return { port: (relay.address() as AddressInfo).port, [Symbol.asyncDispose]: dispose }
}

async function tools(port: number, ca: string): Promise<string> {
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  const options = {
    host: 'localhost',
    port,
    path: '/mcp',
    method: 'POST',
    headers,
    ca,
    agent: false,
  }
  const sent = request(options)
  sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }))
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  const names = [...text.matchAll(/"name":"([^"]+)"/g)].map(([, name]) => name)
  return names.join(', ')
}
