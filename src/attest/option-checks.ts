// What the schema of `attestation` cannot say: members that go together, and servers that name a policy; it reads no policy.
import type { Check, Report } from '../config/load.ts'
import { type AttestationOptions, PINNED_FAMILIES } from './options.ts'
import { parseDate } from './policy/date.ts'

type Path = readonly (string | number)[]

export const ATTESTATION_CHECK: Check = {
  sections: ['attestation'],
  run(config, report) {
    const { anchors, roots, spiffe, policies, require, challenge_ttl } =
      config.attestation as AttestationOptions
    for (const [name, anchor] of Object.entries(anchors)) checkAnchor(name, anchor, report)
    for (const [name, root] of Object.entries(roots)) {
      const at = ['attestation', 'roots', name]
      checkSource(at, root, report)
      const pinned: readonly string[] = PINNED_FAMILIES
      if (pinned.includes(root.family) && !root.synthetic)
        report(
          [...at, 'family'],
          `the genuine roots of ${root.family} are built in; one of a test is marked with synthetic: true`,
        )
    }
    for (const [domain, bundle] of Object.entries(spiffe)) {
      checkBundle(domain, bundle, report)
      if (Object.hasOwn(anchors, domain))
        report(
          ['attestation', 'spiffe', domain],
          `${domain} is in attestation.anchors too: policies could not tell which of them they name`,
        )
    }
    if (policies.length === 0 && require === 'all')
      report(
        ['attestation', 'require'],
        'attestation.require: all refuses every server while attestation.policies is empty',
      )
    if (challenge_ttl < 1000 || challenge_ttl > 3_600_000)
      report(['attestation', 'challenge_ttl'], 'attestation.challenge_ttl: from 1s to 1h')
  },
}

/** A server that asks to be attested in a gateway that attests nobody would be let in unseen. */
export const ATTESTED_SERVERS_CHECK: Check = {
  sections: ['servers'],
  run(config, report) {
    if (config.attestation !== undefined) return
    const servers = config.servers as readonly { readonly attestation?: string }[]
    servers.forEach(({ attestation }, index) => {
      if (attestation !== undefined)
        report(
          ['servers', index, 'attestation'],
          `servers[${index}].attestation: there is no section attestation with policies`,
        )
    })
  },
}

function checkAnchor(name: string, anchor: AttestationOptions['anchors'][string], report: Report) {
  const at = ['attestation', 'anchors', name]
  checkSource(at, anchor, report)
  const { not_before, not_after } = anchor
  const begin = dayOf(not_before, 'begin', [...at, 'not_before'], report)
  const end = dayOf(not_after, 'end', [...at, 'not_after'], report)
  if (begin !== undefined && end !== undefined && begin > end)
    report([...at, 'not_after'], 'not_after is before not_before')
}

function dayOf(
  text: string | undefined,
  edge: 'begin' | 'end',
  at: Path,
  report: Report,
): number | undefined {
  if (text === undefined) return undefined
  const time = parseDate(text, edge)
  if (time === undefined) report(at, `${text} is no day that there is`)
  return time
}

function checkSource(
  at: Path,
  { file, pem }: { readonly file?: string; readonly pem?: string },
  report: Report,
): void {
  if ((file === undefined) === (pem === undefined)) report(at, 'give either file or pem')
}

function checkBundle(
  domain: string,
  bundle: AttestationOptions['spiffe'][string],
  report: Report,
): void {
  const at = ['attestation', 'spiffe', domain]
  const { file, url, profile, endpoint_spiffe_id } = bundle
  if (file === undefined && url === undefined) report(at, 'give file, url or both')
  if (url === undefined && endpoint_spiffe_id !== undefined)
    report([...at, 'endpoint_spiffe_id'], 'endpoint_spiffe_id has no meaning without url')
  if (profile !== 'https_spiffe') return
  if (file === undefined || url === undefined || endpoint_spiffe_id === undefined)
    report(
      at,
      'profile: https_spiffe needs url, endpoint_spiffe_id, and the first bundle to trust in file',
    )
}
