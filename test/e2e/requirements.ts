// Every duty of the wire as data, each with its place in the specification and the tests that prove it. It proves nothing itself.
import { MESSAGES } from './requirements/messages.ts'
import { NEGOTIATION } from './requirements/negotiation.ts'
import type { WireRequirement } from './requirements/requirement.ts'
import { SECURITY } from './requirements/security.ts'
import { STREAMS } from './requirements/streams.ts'

export const WIRE_REQUIREMENTS: readonly WireRequirement[] = [
  ...NEGOTIATION,
  ...STREAMS,
  ...MESSAGES,
  ...SECURITY,
]
