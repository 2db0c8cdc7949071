// docs/pipeline.md from the table of requirements: what the pipeline does, sentence by sentence, each with the files that prove it.
import { type Requirement, sectionNumber } from './requirement.ts'

const INTRODUCTION = `# The pipeline, sentence by sentence

Made by \`npm run generate\` from \`test/requirements\`; do not edit.

What holds for every point, plugin and request. Each sentence is followed by the tests that fail when it is broken;
\`test/requirements\` names them one by one, and a sentence without a test fails the build. Comments in the sources that cite
a section of docs/pipeline.md mean the sections of this page. What each point hands over and accepts is in [hooks.md](hooks.md), how
often it fires for each operation on each surface in [coverage-matrix.md](coverage-matrix.md).
`

export function renderPipeline(requirements: readonly Requirement[]): string {
  const sections = Map.groupBy(requirements, ({ section }) => section)
  return [INTRODUCTION, ...[...sections.values()].map(renderSection)].join('\n')
}

function renderSection(requirements: readonly Requirement[]): string {
  const [{ section }] = requirements as readonly [Requirement]
  const title = section.slice(String(sectionNumber(section)).length).trim()
  const proven = requirements.flatMap((each) => ('tests' in each ? [each] : []))
  const waiting = requirements.flatMap((each) => ('later' in each ? [each] : []))
  const blocks = [
    [`## ${sectionNumber(section)}. ${title}`],
    proven.map(({ says, tests }) => `* ${says} ${links(tests)}`),
    waiting.length > 0 ? ['Not wired yet:'] : [],
    waiting.map(({ says, later }) => `* ${says} Waits for ${later}.`),
  ]
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`
}

function links(tests: readonly string[]): string {
  const files = new Set(tests.map((citation) => citation.slice(0, citation.indexOf(' > '))))
  return `(${[...files].map((file) => `[${label(file)}](../${file})`).join(', ')})`
}

function label(file: string): string {
  return file.replace(/^test\//, '').replace(/\.test\.ts$/, '')
}
