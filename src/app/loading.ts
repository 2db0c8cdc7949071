// The load points: on a reload the running generation judges what is loaded, and observes how it went.

import type { Runtime } from '../gateway/runtime.ts'
import type { LoadOptions } from '../host/host.ts'
import { systemRequest } from './reload.ts'

/** Nothing at start: then the entries that are loaded first judge the others. */
export function loadPoints(
  running: Runtime | undefined,
  createId: () => string,
): Pick<LoadOptions, 'judge' | 'observe'> {
  if (!running) return {}
  const request = () => systemRequest(createId(), 'plugin/load', running)
  return {
    async judge(payload) {
      const runner = running.generation.runner('plugin_pre_load')
      return runner
        ? runner.dispatch(payload, request())
        : { kind: 'pass', payload, changed: false }
    },
    observe(payload) {
      void running.generation.runner('plugin_post_load')?.dispatch(payload, request())
    },
  }
}
