// Every page of the documentation that a person follows: what it shows is carried out, and its links lead somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { readPolicy } from '../src/app/attestation/policies.ts'
import { parseEnvelope } from '../src/attest/evidence/envelope.ts'
import {
  anchorsOf,
  type Fence,
  fencesOf,
  isShown,
  linksOf,
  type Step,
  stepsOf,
} from './docs/page.ts'
import { createWorkplace, type Workplace } from './docs/workplace.ts'
import { node, nodeFlags, root } from './support/paths.ts'
import { runProcess, startProcess } from './support/process.ts'

const GUIDES = [
  'getting-started',
  'stdio',
  'policies',
  'identity',
  'control-plane',
  'attestation',
  'plugin-guide',
  'operations',
  'admin-api',
  'importing',
  'cli',
  'library',
  'endpoints',
]
const STORIES = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `examples/${name}/README.md`)
const PAGES = [
  'README.md',
  ...GUIDES.map((name) => `docs/${name}.md`),
  'examples/README.md',
  ...STORIES,
]
const OTHERS = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'docs/attestation-reasons.md',
  'docs/architecture.md',
  'docs/threat-model.md',
  'docs/adr/0011-attestation.md',
]

const read = (page: string): string => readFileSync(join(root, page), 'utf8')

describe.each(PAGES)('%s', (page) => {
  const fences = fencesOf(read(page))
  const ran: Ran = { output: '' }
  let workplace: Workplace
  beforeAll(() => {
    workplace = createWorkplace(page.replaceAll(/[/.]/g, '-'))
  })
  afterAll(() => workplace[Symbol.asyncDispose]())

  test.each(fences.map((fence) => [fence.line, fence] as const))(
    'line %i does what it says',
    async (_line, fence) => {
      const carryOut = KINDS[fence.language]
      expect(carryOut, `a fence in ${fence.language || 'no language'}`).toBeDefined()
      await carryOut?.(fence, workplace, ran)
    },
    90_000,
  )

  test('type-checks', async () => {
    if (fences.every(({ language }) => language !== 'ts')) return
    workplace.write(
      'tsconfig.json',
      JSON.stringify({ extends: join(root, 'tsconfig.json'), include: ['**/*.ts'], exclude: [] }),
    )
    const { stdout } = await runProcess(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], {
      cwd: workplace.folder,
      timeout: 90_000,
    })
    // the sources themselves are checked by npm run types
    expect(stdout.split('\n').filter((line) => /^[^. ]/.test(line))).toEqual([])
  }, 100_000)
})

/** What the last `ts run` wrote. */
interface Ran {
  output: string
}

const GATES = {
  enabled: true,
  allowed: readdirSync(join(root, 'plugins')),
}

const KINDS: Readonly<
  Record<string, (fence: Fence, workplace: Workplace, ran: Ran) => Promise<void> | void>
> = {
  async yaml({ text: shown, values, flags }, workplace) {
    const text = await workplace.attested(shown)
    // a manifest of a plugin, or a part that counts only where another file refers to it
    if (flags.has('manifest') || flags.has('fragment')) {
      workplace.write(values.file ?? '', text)
      return
    }
    if (flags.has('appraisal')) {
      const { problems } = readPolicy(text, workplace.write(values.file ?? 'policy.yaml', text))
      expect(problems.map(({ message }) => message).join('\n')).toContain(values.problem ?? '')
      expect(problems.length > 0).toBe(values.problem !== undefined)
      if (flags.has('reload')) await workplace.reloaded()
      return
    }
    const whole = /^version:/m.test(text)
    const gates = /^plugins:/m.test(text) ? '' : stringify({ plugins: GATES })
    const file =
      values.file === undefined
        ? workplace.write('fragment.yaml', whole ? text : `version: 1\n${gates}${text}`)
        : workplace.write(values.file, text)
    const main =
      values.file === undefined || whole ? file : join(workplace.folder, 'config/gateway.yaml')
    const problems = await workplace.problems(main)
    if (values.problem === undefined) expect(problems).toEqual([])
    else expect(problems.join('\n')).toContain(values.problem)
    if (values.file !== undefined) await workplace.reloaded()
  },

  json({ text, values, flags }, workplace) {
    JSON.parse(text)
    if (flags.has('envelope')) parseEnvelope(Buffer.from(text))
    if (values.file !== undefined) workplace.write(values.file, text)
  },

  async console(fence, workplace) {
    for (const step of stepsOf(fence))
      if (fence.flags.has('live')) await carryOutLive(step, workplace, fence.flags.has('soon'))
      else await carryOutCommand(step, fence, workplace)
  },

  async ts({ text, values, flags, line }, workplace, ran) {
    const file = workplace.write(values.file ?? `snippet-${line}.ts`, text)
    if (!flags.has('run')) return
    const args = [...nodeFlags, file]
    const { until } = values
    if (until === undefined) {
      const { code, stdout, stderr } = await runProcess(node, args, { cwd: workplace.folder })
      expect(code, stdout + stderr).toBe(0)
      ran.output = stdout
      return
    }
    const started = await startProcess(node, args, {
      cwd: workplace.folder,
      until: new RegExp(until),
      timeout: 30_000,
    })
    started.child.kill('SIGTERM')
    expect((await started.exited).code, started.output()).toBe(0)
    ran.output = started.output()
  },

  // shown, not carried out: set-up, containers, what stands in a log; with `output` what the snippet before wrote
  text({ text, flags }, _workplace, ran) {
    if (flags.has('output')) expect(isShown(text, ran.output), ran.output).toBe(true)
  },

  sh({ text }) {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    for (const [, name = ''] of text.matchAll(/\bnpm (?:run )?(?!ci\b|install\b|exec\b)([\w:]+)/g))
      expect(Object.keys(scripts)).toContain(name)
  },
}

/** `soon`: what the gateway does by itself a moment later is waited for. */
async function carryOutLive(
  { command, shown }: Step,
  workplace: Workplace,
  soon: boolean,
): Promise<void> {
  const late = Date.now() + (soon ? 15_000 : 0)
  let output = await workplace.live(command)
  while (!isShown(shown, output) && Date.now() < late) output = await workplace.live(command)
  expect(isShown(shown, output), `${command}\n${output}`).toBe(true)
}

async function carryOutCommand(
  { command, shown }: Step,
  { values, flags }: Fence,
  workplace: Workplace,
): Promise<void> {
  const [first, second, ...argv] = wordsOf(command)
  expect([first, second]).toEqual(['npx', 'portcullis'])
  const { exit, output } = await workplace.portcullis(argv, { admin: flags.has('admin') })
  expect(isShown(shown, output), `${command}\n${output}`).toBe(true)
  expect(exit).toBe(Number(values.exit ?? 0))
}

/** Words as a shell makes them, as far as the pages need it: quotes around whole words, and spaces. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, quoted, double, plain]) => quoted ?? double ?? plain ?? '',
  )
}

describe.each([...PAGES, ...OTHERS])('the links of %s', (page) => {
  const targets = linksOf(read(page)).filter((target) => !/^https?:/.test(target))

  test.each(targets)('%s leads somewhere', (target) => {
    const [path = '', anchor] = target.split('#')
    const file = path === '' ? page : normalize(join(dirname(page), path))
    expect(existsSync(join(root, file))).toBe(true)
    if (anchor !== undefined) expect(anchorsOf(read(file))).toContain(anchor)
  })

  test('stay within the repository', () => {
    for (const target of targets) expect(target).not.toMatch(/^\/|^file:/)
  })
})
