// The two gates: what is configured either runs or stops the start, and the way around is loud.
import { describe, expect, it } from 'vitest'
import { createBench, refusal } from './support.ts'

const ENTRY = '  entries: [{ name: words, use: deny-list, config: { words: [x] } }]\n'
const POLICY = 'policies: [{ name: no, on: [tool_pre_invoke], then: deny, reason: no }]\n'

describe('the gates', () => {
  it.each([
    [
      'an entry while plugins are not enabled',
      `plugins:\n${ENTRY}`,
      'gateway.yaml:3:13: the entry "words" is configured but plugins.enabled is false',
    ],
    [
      'a policy while plugins are not enabled',
      `plugins: { enabled: false }\n${POLICY}`,
      'gateway.yaml:3:12: the policy "no" is configured but plugins.enabled is false',
    ],
    [
      'an entry whose plugin is not allowed',
      `plugins:\n  enabled: true\n  allowed: [denylist]\n${ENTRY}`,
      'gateway.yaml:5:33: the entry "words" uses the plugin "deny-list", which is not in plugins.allowed (did you mean denylist?)',
    ],
    [
      'a policy while rules is not allowed',
      `plugins: { enabled: true, allowed: [deny-list] }\n${POLICY}`,
      'gateway.yaml:3:12: the policy "no" uses the plugin "rules", which is not in plugins.allowed',
    ],
    [
      'a disabled entry while plugins are not enabled',
      'plugins: { entries: [{ name: a, use: deny-list, mode: disabled }] }\n',
      'the entry "a" is configured but plugins.enabled is false',
    ],
  ])('refuse %s', async (_what, yaml, message) => {
    expect(await refusal(createBench(), yaml)).toContain(message)
  })

  it('refuse by a name and a code that scripts can look for, and tell the audit', async () => {
    const bench = createBench()
    await expect(bench.load(`plugins:\n${ENTRY}`)).rejects.toMatchObject({
      name: 'PolicyViolationError',
      code: 'PLUGIN_GATE',
    })
    expect(bench.records).toMatchObject([{ kind: 'load_refused', code: 'PLUGIN_GATE' }])
  })

  it('let nothing load when nothing is configured', async () => {
    const loaded = await createBench().load('plugins: {}\n')
    expect(loaded).toMatchObject({ registrations: [], entries: [], warnings: [] })
  })

  it('break the glass for the named entry only, and say so', async () => {
    const bench = createBench()
    const yaml = `plugins:\n  enabled: true\n  allowed: [deny-list]\n${ENTRY}${POLICY}`
    const loaded = await bench.load(yaml, { unsafeWithout: ['no'] })
    expect(loaded.entries).toMatchObject([
      { name: 'words', state: 'loaded' },
      { name: 'no', state: 'disabled', breakGlass: true, reason: 'left out by --unsafe-without' },
    ])
    expect(loaded.registrations.every(({ entry }) => entry === 'words')).toBe(true)
    expect(bench.records.filter(({ kind }) => kind === 'break_glass')).toMatchObject([
      { entry: 'no' },
    ])
    await loaded.close()
  })

  it('do not break for a name that nothing has', async () => {
    const yaml = `plugins:\n  enabled: true\n  allowed: [deny-list]\n${ENTRY}`
    expect(await refusal(createBench(), yaml, { unsafeWithout: ['word'] })).toBe(
      '--unsafe-without word: there is no such entry or policy (did you mean words?)',
    )
  })
})
