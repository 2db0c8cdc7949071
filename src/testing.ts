// What a plugin author tests with: a harness that runs one plugin through the real host and engine; it starts no gateway.
//
//   import { createPluginHarness } from 'portcullis/testing'
//
//   const harness = await createPluginHarness({ plugin: import.meta.dirname, config: { max: 10 } })
//   const { outcome } = await harness.dispatch('tool_pre_invoke', {
//     server: 'bank', name: 'transfer', exposedName: 'bank__transfer', arguments: { amount: 11 }, headers: {},
//   })
//   assert.equal(outcome.kind, 'deny')
//   await harness.close()

export type { Outcome } from './engine/outcome.ts'
export type { StepTrace } from './engine/trace.ts'
export {
  createPluginHarness,
  type HarnessOptions,
  type HarnessRequest,
  type HarnessResult,
  type HarnessSession,
  type PluginHarness,
} from './host/harness.ts'
