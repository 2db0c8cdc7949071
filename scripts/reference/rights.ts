// docs/rights.md from the table of rights; the table says it, this only lays it out.
import { BUILT_IN_ROLES, RIGHTS, type RightSpec } from '../../src/identity/rights.ts'
import { table } from './markdown.ts'

const INTRODUCTION = `# Rights

Made by \`npm run generate\` from \`src/identity/rights.ts\`; do not edit. What they are for, and how roles of your own name them, is in
[identity](identity.md). A right that is *shared* also holds, for a principal of a tenant, on what belongs to no tenant.
`

export function rightsReference(): string {
  const rights = Object.entries(RIGHTS) as [string, RightSpec][]
  const rows = rights.map(([right, { about, roles, shared }]) => [
    `\`${right}\``,
    about,
    BUILT_IN_ROLES.filter((role) => roles.includes(role)).join(', '),
    shared ? 'yes' : '',
  ])
  return `${INTRODUCTION}\n${table(['right', 'to', 'built-in roles that have it', 'shared'], rows)}`
}
