// Credentials that announce themselves: keys with a known prefix, tokens, private keys, and values that are called a password.
import { type Find, findAll, matchesOf, type Span } from './span.ts'

/** Prefixes are the issuers' own; the lengths are bounded so that no text is scanned twice. */
const PREFIXED = new RegExp(
  `(?<![A-Za-z0-9])(?:${[
    '(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}',
    'gh[pousr]_[A-Za-z0-9]{36,255}',
    'github_pat_[A-Za-z0-9_]{22,255}',
    'glpat-[A-Za-z0-9_-]{20,64}',
    'xox[abeoprs]-[A-Za-z0-9-]{10,250}',
    'AIza[A-Za-z0-9_-]{35}',
    '(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,128}',
    'sk-[A-Za-z0-9_-]{20,250}',
    'pplx-[A-Za-z0-9]{40,64}',
    'npm_[A-Za-z0-9]{36}',
    'pypi-[A-Za-z0-9_-]{32,255}',
    'hf_[A-Za-z0-9]{30,64}',
    'SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,64}',
    'ops_eyJ[A-Za-z0-9+/=_-]{100,4000}',
    'ntn_[A-Za-z0-9]{40,60}',
    'sgp_[A-Za-z0-9_]{32,100}',
    'ATATT3[A-Za-z0-9_=-]{100,250}',
    'EAA[A-Za-z0-9]{80,300}',
    'dop_v1_[a-f0-9]{64}',
    'age-secret-key-1[a-z0-9]{58}',
  ].join('|')})(?![A-Za-z0-9])`,
  'g',
)
// RFC 7519: a JSON object in base64url begins with eyJ
const JWT =
  /(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{8,8000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,2000}/g
const NAMED =
  /(?:api[_-]?key|secret|secret[_-]?key|access[_-]?key|token|passwd|password|pwd)["']?[ \t]{0,3}[:=][ \t]{0,3}["']?([^\s"',;&<>]{8,200})/gi
const BEARER = /\bbearer[ ]{1,3}([A-Za-z0-9._~+/=-]{16,2000})/gi
const USERINFO = /:\/\/[^/\s:@]{1,100}:([^/\s@]{1,200})@/g

export const findSecrets: Find = (text) => [
  ...findAll('secret', PREFIXED, text),
  ...findAll('secret', JWT, text),
  ...findPrivateKeys(text),
  ...findValues(NAMED, text),
  ...findValues(BEARER, text),
  ...findValues(USERINFO, text),
]

// the name stays, its value goes
function findValues(pattern: RegExp, text: string): Span[] {
  const spans: Span[] = []
  for (const match of matchesOf(pattern, text)) {
    const value = match.groups[0] ?? ''
    const end = match.start + match.found.length - (pattern === USERINFO ? 1 : 0)
    if (!isPlaceholder(value)) spans.push({ kind: 'secret', start: end - value.length, end })
  }
  return spans
}

function isPlaceholder(value: string): boolean {
  return /^(?:\$\{|\{\{|<|\[|\*{3}|x{6}|\.{3}|process\.env|os\.environ|undefined$|required$)/i.test(
    value,
  )
}

const BEGIN = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/g
const END = /-----END [A-Z ]{0,30}PRIVATE KEY-----/g

// a key that has no end is a key all the same: everything after its beginning goes
function findPrivateKeys(text: string): Span[] {
  const spans: Span[] = []
  let from = 0
  for (;;) {
    BEGIN.lastIndex = from
    const begin = BEGIN.exec(text)
    if (begin === null) return spans
    END.lastIndex = begin.index
    const end = END.exec(text)
    from = end === null ? text.length : end.index + end[0].length
    spans.push({ kind: 'secret', start: begin.index, end: from })
  }
}
