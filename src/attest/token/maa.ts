// Tokens of Microsoft Azure Attestation for confidential VMs on SEV-SNP, signed by keys of the provider that the policy names.
import { hash } from 'node:crypto'
import type { JsonObject } from '../../base/json.ts'
import { Denial, malformed } from '../denial.ts'
import { assertListed } from '../evidence/allow.ts'
import type { Appraised, Claims, Expected, Verifier } from '../evidence/evidence.ts'
import { memberAt, textAt } from '../format/json.ts'
import type { Reason } from '../reasons.ts'
import {
  appraiseByAny,
  ISSUER_DEFAULTS,
  MAA_TCB,
  type MaaIssuer,
  type TokenPolicy,
} from './issuers.ts'
import { type JwsShape, parseJws } from './jws.ts'
import {
  assertAnswered,
  assertSignedByIssuer,
  base64url,
  keySetNeed,
  timesOf,
} from './token-claims.ts'

const WHAT = 'maa'
/** Its `jku` is where the sender says the keys are. */
const SHAPE: JwsShape = { what: WHAT, algorithms: ['RS256'], types: ['JWT'], ignoresJku: true }
const TEE = 'x-ms-isolation-tee'
const SNP = 'x-ms-sevsnpvm-'
const VM = 'x-ms-azurevm-'
const DIGEST = /^[0-9a-f]{96}$/
/** Names of the claims, by that of the component in a policy. */
const COMPONENTS = {
  bl: 'bootloader-svn',
  tee: 'tee-svn',
  snp: 'snpfw-svn',
  ucode: 'microcode-svn',
} as const
const DEBUGGERS = ['bootdebug', 'kerneldebug', 'hypervisordebug', 'testsigning', 'flightsigning']

export const maa: Verifier<TokenPolicy> = {
  type: WHAT,

  needs(item, policy) {
    const { payload } = parseJws(item.bytes, SHAPE)
    const isOurs = policy.issuers.some((one) => one.type === WHAT && one.provider === payload.iss)
    if (!isOurs) throw new Denial('evidence.issuer', `${WHAT}: iss`)
    return [keySetNeed(String(payload.iss), `${payload.iss}/certs`)]
  },

  verify(item, at) {
    const { payload, ...jws } = parseJws(item.bytes, SHAPE)
    const issuer = textAt(payload, 'iss')
    if (issuer === undefined) throw new Denial('evidence.issuer', `${WHAT}: iss`)
    // whose keys are there was decided by the policy, not by the token
    const signer = assertSignedByIssuer({ payload, ...jws }, issuer, at, WHAT)
    const times = timesOf(payload, at, WHAT)
    const binding = bindingOf(payload, at.expected)
    const content = hash('sha256', jws.signed)
    return {
      ...signer,
      ...times,
      binding,
      type: WHAT,
      attests: 'platform',
      synthetic: false,
      version: textAt(payload, 'x-ms-ver') ?? '',
      size: item.bytes.length,
      contentSha256: content,
      ...platformOf(payload, issuer),
    }
  },

  appraise: (claims, policy, { now }) => {
    const issuers = policy.issuers.filter(
      (one) => one.type !== WHAT || one.provider === claims.flags.provider,
    )
    return appraiseByAny({ issuers }, WHAT, (issuer) => appraise(claims, issuer, now))
  },
}

/** The nonce is bytes in base64 there; whoever asked for the binder as text has the text in it. */
function bindingOf(payload: JsonObject, expected: Expected | undefined): Claims['binding'] {
  const nonce = textAt(payload, 'x-ms-runtime', 'client-payload', 'nonce') ?? ''
  const bytes = Buffer.from(nonce, 'base64')
  // one text for the same bytes, in either alphabet
  const isExact = [bytes.toString('base64'), bytes.toString('base64url')].includes(nonce)
  const found = isExact ? [bytes.toString('latin1')] : []
  if (isExact && expected?.kind === 'binder') found.push(base64url(bytes))
  return assertAnswered(expected, base64url, found, WHAT)
}

type Platform = Pick<Claims, 'tcb' | 'measurements' | 'flags' | 'product'>

function platformOf(payload: JsonObject, provider: string): Platform {
  const tee = memberAt(payload, TEE)
  const kind = textAt(tee, 'x-ms-attestation-type')
  if (kind !== 'sevsnpvm') throw new Denial('evidence.unsupported', `${WHAT}: ${TEE}`)
  const launch = textAt(tee, `${SNP}launchmeasurement`)
  if (!launch || !DIGEST.test(launch)) throw malformed(`${WHAT}: launchmeasurement`)
  const tcb = Object.entries(COMPONENTS).map(([name, claim]) => [name, numberIn(tee, claim)])
  // whatever does not say that it is off counts as on
  const isOn = (from: unknown, claim: string): boolean => memberAt(from, claim) !== false
  return {
    product: kind,
    tcb: Object.fromEntries(tcb) as Record<string, number>,
    measurements: { launch_measurement: `sha384:${launch}` },
    flags: {
      provider,
      vm: textAt(payload, 'x-ms-attestation-type') === 'azurevm',
      compliance: textAt(tee, 'x-ms-compliance-status') ?? '',
      policy_hash: textAt(payload, 'x-ms-policy-hash') ?? '',
      vmpl: numberIn(tee, 'vmpl'),
      debug:
        isOn(tee, `${SNP}is-debuggable`) ||
        DEBUGGERS.some((name) => isOn(payload, `${VM}${name}-enabled`)),
      migration: isOn(tee, `${SNP}migration-allowed`),
      secure_boot: payload.secureboot === true,
    },
  }
}

function numberIn(tee: unknown, name: string): number {
  const value = memberAt(tee, `${SNP}${name}`)
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 255)
    throw malformed(`${WHAT}: ${name}`)
  return value
}

function appraise(claims: Claims, given: MaaIssuer, now: number): Appraised {
  const issuer = { ...ISSUER_DEFAULTS, ...given }
  const { flags, tcb, measurements } = claims
  const refuse = (reason: Reason, detail: string): never => {
    throw new Denial(reason, `${WHAT}: ${detail}`)
  }
  if (flags.provider !== issuer.provider) refuse('evidence.issuer', 'iss')
  if (flags.vm !== true) refuse('evidence.configuration', 'x-ms-attestation-type')
  if (flags.debug !== false && !issuer.allow_debug) refuse('evidence.debug', 'a debugger is on')
  if (!issuer.vmpl.some((level) => level === flags.vmpl)) refuse('evidence.privilege', 'vmpl')
  if (flags.migration !== false && !issuer.allow_migration) refuse('evidence.migration', 'allowed')
  if (!issuer.compliance.some((one) => one === flags.compliance))
    refuse('evidence.configuration', 'x-ms-compliance-status')
  if (flags.secure_boot !== true && !issuer.allow_insecure_boot)
    refuse('evidence.configuration', 'secureboot')
  for (const name of MAA_TCB)
    if (!((tcb[name] ?? -1) >= issuer.min_tcb[name])) refuse('evidence.tcb_low', name)
  if (issuer.policy_hashes && !issuer.policy_hashes.includes(String(flags.policy_hash)))
    refuse('evidence.configuration', 'x-ms-policy-hash')
  const name = 'launch_measurement'
  const matched = assertListed(name, measurements[name], issuer.reference[name], now)
  return {
    trust: { hardware: 2, executables: 2, configuration: flags.debug === false ? 2 : 96 },
    matched: [matched],
    warnings: flags.debug === false ? [] : ['debug is on'],
  }
}
