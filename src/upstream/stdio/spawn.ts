// Node's spawn, whose module is loaded with the first process: a gateway with servers over HTTP only starts none.
import type * as Processes from 'node:child_process'

export const spawn = ((...given: Parameters<typeof Processes.spawn>) =>
  process.getBuiltinModule('node:child_process').spawn(...given)) as typeof Processes.spawn
