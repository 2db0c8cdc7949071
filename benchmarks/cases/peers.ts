// What a call costs through the gateways that npm offers and through ours with ten policies on (P5), with the same server behind.
import type { BenchmarkCase, Claim } from '../case.ts'
import { openSession } from '../load/call.ts'
import { installPeers, PEERS, STDIO_SERVER } from '../peers/table.ts'
import { gateway, type StartTarget } from '../references/table.ts'
import { CONNECTIONS, openFleet, type Row } from './fleet.ts'

const OURS_STDIO = 'portcullis, 10 policies, stdio'
const OURS_HTTP = 'portcullis, 10 policies, HTTP'

const legacy = (name: string, start: StartTarget): Row => ({ name, start, era: openSession })

const rows: readonly Row[] = [
  legacy(OURS_STDIO, gateway({ form: 'standalone', plugins: 10, command: STDIO_SERVER })),
  legacy('mcp-proxy, stdio', PEERS['mcp-proxy']),
  legacy('supergateway, stdio', PEERS.supergateway),
  legacy(OURS_HTTP, gateway({ form: 'standalone', plugins: 10 })),
  legacy('Civic passthrough, 10 hooks, HTTP', PEERS['Civic passthrough']),
]

const claim = (ours: string, peer: string): Claim => ({
  id: 'P5',
  what: `CPU, ${ours} to ${peer}`,
  variant: ours,
  reference: peer,
  measure: 'ratio',
  unit: 'x',
  must: 1 / 3,
  stretch: 1 / 5,
})

export async function openPeers(quick: boolean): Promise<BenchmarkCase> {
  const versions = await installPeers()
  const fleet = await openFleet(rows, quick)
  return {
    name: 'peers',
    title: 'Gateways that npm offers',
    unit: 'us of CPU per request',
    notes: [
      `tools/call of the older era in one session, 200 bytes each way, ${CONNECTIONS} connections, every answer looked into while warming up. CPU of the process and of the servers that it starts.`,
      'The bridges stand before a server on standard input and output, and so does ours in that comparison; Civic has ten local hooks that look at the name of the tool before and after the call, as the ten policies of ours do. The bridges have no policies.',
    ],
    claims: [
      claim(OURS_STDIO, 'mcp-proxy, stdio'),
      claim(OURS_STDIO, 'supergateway, stdio'),
      claim(OURS_HTTP, 'Civic passthrough, 10 hooks, HTTP'),
    ],
    rounds: (quick) => (quick ? 3 : 5),
    versions,
    ...fleet.parts,
  }
}
