// Writes the files that are made from tables, or with --check says which are not current; the tables themselves are elsewhere.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { coverageReference } from '../test/e2e/matrix/render.ts'
import { renderPipeline } from '../test/requirements/document.ts'
import { REQUIREMENTS } from '../test/requirements/table.ts'
import { appraisalPolicyReference } from './reference/appraisal-policy.ts'
import { attestationReasonsReference } from './reference/attestation-reasons.ts'
import { configReference, configSchema } from './reference/config.ts'
import { errorsReference } from './reference/errors.ts'
import { hooksReference } from './reference/hooks.ts'
import { metricsReference } from './reference/metrics.ts'
import { openApiReference } from './reference/openapi.ts'
import { performanceReference } from './reference/performance.ts'
import { rightsReference } from './reference/rights.ts'

export interface Generated {
  /** Relative to the repository. */
  readonly path: string
  render(): string | Promise<string>
}

/** Every generated file of the repository. Adding one adds a row. */
export const GENERATED: readonly Generated[] = [
  { path: 'docs/errors.md', render: errorsReference },
  { path: 'docs/hooks.md', render: hooksReference },
  { path: 'docs/pipeline.md', render: () => renderPipeline(REQUIREMENTS) },
  { path: 'docs/coverage-matrix.md', render: coverageReference },
  { path: 'docs/metrics.md', render: metricsReference },
  { path: 'docs/rights.md', render: rightsReference },
  { path: 'docs/configuration.md', render: configReference },
  { path: 'docs/appraisal-policy.md', render: appraisalPolicyReference },
  { path: 'docs/attestation-reasons.md', render: attestationReasonsReference },
  { path: 'docs/performance.md', render: performanceReference },
  { path: 'docs/openapi.json', render: openApiReference },
  { path: 'config/gateway.schema.json', render: configSchema },
]

/** Paths of the files that differ from what their tables say; unless `check`, they are written. */
export async function generate(options: { root: URL; check: boolean }): Promise<string[]> {
  const changed: string[] = []
  for (const { path, render } of GENERATED) {
    const file = new URL(path, options.root)
    const text = await render()
    if (text === read(file)) continue
    changed.push(path)
    if (options.check) continue
    mkdirSync(dirname(file.pathname), { recursive: true })
    writeFileSync(file, text)
  }
  return changed
}

function read(file: URL): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const check = process.argv.includes('--check')
  const changed = await generate({ root: new URL('..', import.meta.url), check })
  for (const path of changed) console.log(check ? `not current: ${path}` : `wrote ${path}`)
  if (check && changed.length > 0) {
    console.log('run: npm run generate')
    process.exitCode = 1
  }
}
