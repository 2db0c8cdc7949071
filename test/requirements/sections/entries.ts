// Section 8 of the contract: entries in YAML and the two gates before them.
import { section, within } from '../requirement.ts'

const gate = within('test/host/gate.test.ts')
const lifecycle = within('test/host/lifecycle.test.ts')
const refusals = within('test/host/refusals.test.ts')
const bad = (...names: readonly string[]) =>
  within('test/config/bad.test.ts')(
    ...names.map(
      (name) => `a wrong configuration file > is refused with its place and message: ${name}`,
    ),
  )

export const ENTRIES = section('8 An entry in YAML', [
  {
    id: 'H8-enabled',
    says: 'Without `plugins.enabled` nothing loads.',
    tests: gate('the gates > let nothing load when nothing is configured'),
  },
  {
    id: 'H8-enabled-refusal',
    says: 'Entries or policies while `enabled` is false: the start is refused.',
    tests: gate(
      'the gates > refuse an entry while plugins are not enabled',
      'the gates > refuse a policy while plugins are not enabled',
    ),
  },
  {
    id: 'H8-allowed',
    says: 'An entry whose plugin is not in `allowed`: the start is refused, with the line.',
    tests: gate(
      'the gates > refuse an entry whose plugin is not allowed',
      'the gates > refuse a policy while rules is not allowed',
    ),
  },
  {
    id: 'H8-exit-78',
    says: 'Such a start ends with exit code 78.',
    tests: within('test/cli/start.test.ts')(
      'with a configuration > refuses to start unguarded with 78, and starts with the glass broken',
    ),
  },
  {
    id: 'H8-policy-violation-error',
    says: 'Its error is named `PolicyViolationError`.',
    tests: gate(
      'the gates > refuse by a name and a code that scripts can look for, and tell the audit',
    ),
  },
  {
    id: 'H8-reload-rejected',
    says: 'A reload to such a configuration is rejected and the old one goes on.',
    tests: within('test/gateway/reload.test.ts')(
      'a reload > that a gate refuses changes nothing: policies stay in force',
    ),
  },
  {
    id: 'H8-break-glass',
    says: '`--unsafe-without NAME` leaves out the named entry only, audited.',
    tests: gate(
      'the gates > break the glass for the named entry only, and say so',
      'the gates > do not break for a name that nothing has',
    ),
  },
  {
    id: 'H8-break-glass-readyz',
    says: 'Broken glass is shown on `/readyz`.',
    tests: within('test/gateway/reload.test.ts')(
      'the gates at start > left out with unsafeWithout: the start goes on, audited and shown on /readyz',
    ),
  },
  {
    id: 'H8-name-unique',
    says: 'Names of entries are unique.',
    tests: bad('entry-name-twice', 'policy-name-of-entry'),
  },
  {
    id: 'H8-use',
    says: '`use` is the id of a plugin; one that there is not is an error.',
    tests: refusals('a configuration > is refused: there is no plugin "deny-lst"'),
  },
  {
    id: 'H8-version',
    says: '`version` is a range the plugin has to be in.',
    tests: [
      ...bad('entry-version'),
      ...refusals(
        'a configuration > is refused: the plugin "deny-list" is 1.0.0, the entry wants ^2.0.0',
      ),
    ],
  },
  {
    id: 'H8-hooks-default',
    says: '`hooks` is all that the plugin declares when it is absent.',
    tests: within('test/requirements/points.test.ts')(
      'an entry without hooks > runs at all points its plugin hooks',
    ),
  },
  {
    id: 'H8-binding-undeclared',
    says: 'A binding the plugin does not declare is an error.',
    tests: [
      ...refusals(
        'a configuration > is refused: the plugin "deny-list" does not declare the point http_pre_request',
      ),
      ...lifecycle(
        'an entry that cannot be loaded > is an error when it is bound to a point that its instance does not hook',
      ),
    ],
  },
  {
    id: 'H8-required',
    says: '`required`, the default for `enforce` and `guard`, stops the start when the entry cannot load.',
    tests: lifecycle('an entry that cannot be loaded > with mode %s, stops the start: %s'),
  },
  {
    id: 'H8-config-schema',
    says: '`config` is validated by the plugin’s JSON Schema.',
    tests: refusals('a configuration > is refused: a: unknown key "wrds" (did you mean words?)'),
  },
  {
    id: 'H8-defaults',
    says: '`plugins.defaults` hold where an entry says nothing: timeout, on_error, breaker.',
    tests: lifecycle(
      'the settings of an entry > come from the defaults where it says nothing, but on_error never for observers',
    ),
  },
  {
    id: 'H8-grants',
    says: '`grants` has the shape of the manifest’s permissions; what a plugin may do is their intersection.',
    tests: within('test/host/services.test.ts')(
      'the host of a plugin > reaches hosts that the manifest asks for and the entry grants, and no others',
      'the host of a plugin > reads variables that are asked for and granted, and no others',
    ),
  },
  {
    id: 'H8-unknown-keys',
    says: 'Unknown keys are errors with file, line, column and a suggestion.',
    tests: bad('unknown-nested', 'unknown-section', 'foreign-entry'),
  },
  {
    id: 'H8-unknown-hooks',
    says: 'Unknown hooks are errors with file, line, column and a suggestion.',
    tests: bad('entry-unknown-point'),
  },
  {
    id: 'H8-missing-file',
    says: 'A missing file is an error.',
    tests: bad('file-missing', 'include-missing'),
  },
  {
    id: 'H8-not-built',
    says: 'A value whose feature is not built yet is an error, never accepted and ignored.',
    tests: bad('values-not-built', 'sections-not-built', 'server-not-built'),
  },
  {
    id: 'H8-policy-is-entry',
    says: 'A policy compiles to one entry of the built-in `rules` plugin: mode, priority, conditions and `when` are the engine’s.',
    tests: within('test/host/load.test.ts')(
      'the built-in plugins > run a policy as one entry of rules',
    ),
  },
  {
    id: 'H8-import',
    says: 'ContextForge plugin YAML is translated by `portcullis import`.',
    tests: within('test/config/import.test.ts')(
      'ContextForge plugin YAML > becomes entries with our modes, failure policies and conditions',
      'ContextForge plugin YAML > is accepted by the loader',
    ),
  },
])
