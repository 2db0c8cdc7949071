// What a plugin uses without a grant is refused, and stands in the audit whatever the plugin makes of the refusal.
import { expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/record.ts'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { createExpression } from '../../src/expression/expression.ts'
import { createServices, type SharedServices } from '../../src/host/services/services.ts'
import { createDryRuns } from '../../src/host/services/storage.ts'

it('the use of a variable and of the network without a grant is audited, with entry and plugin', async () => {
  const events: AuditEvent[] = []
  const shared = {
    clock: systemClock,
    log: silentLogger,
    expression: createExpression(),
    audit: (event: AuditEvent) => void events.push(event),
    dryRuns: createDryRuns(),
    env: { SECRET: 'hunter2' },
  } as Partial<SharedServices> as SharedServices
  const scope = {
    entry: 'mine',
    plugin: 'probe',
    points: [],
    allowed: { env: [], network: [] },
    storage: {},
  } as unknown as Parameters<typeof createServices>[1]
  const host = createServices(shared, scope)
  expect(() => host.secrets.env('SECRET')).toThrow('without a grant')
  await expect(host.fetch('https://api.example.com/')).rejects.toThrow('without a grant')
  const common = { kind: 'permission', entry: 'mine', plugin: 'probe', code: 'PLUGIN_PERMISSION' }
  expect(events).toMatchObject([
    { ...common, action: 'env', reason: expect.stringContaining('the variable SECRET') },
    { ...common, action: 'network' },
  ])
  expect(JSON.stringify(events)).not.toContain('hunter2')
})
