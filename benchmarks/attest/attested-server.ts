// A server over TLS that attests itself by synthetic reports of SEV-SNP, as a process of its own; says what a gateway has to trust.
import { makeChip, makeReport, snpItem } from '../../test/attest/synthetic/snp.ts'
import { liveAuthority, pemOf } from '../../test/e2e/attestation/authority.ts'
import { attestedServer } from '../../test/e2e/attestation/server.ts'

const TYPE = 'application/vnd.portcullis.snp-report'
const authority = liveAuthority()
const chip = makeChip({ product: 'Milan' })
const server = await attestedServer({
  serverId: 'attested',
  ...authority.leaf(),
  sources: [
    {
      type: TYPE,
      async collect(binder) {
        const { bytes, endorsements } = snpItem(chip, makeReport(chip, { reportData: binder }))
        return { cmw: [TYPE, Buffer.from(bytes).toString('base64url'), 4], endorsements }
      },
    },
  ],
})
const ready = { url: server.url, anchor: authority.pem, root: pemOf(chip.root.der) }
process.stdout.write(`${JSON.stringify(ready)}\n`)
