// How the process ends: the four exit codes, and which one a fault comes to.
import { type ErrorCode, isAppError } from '../base/errors.ts'

export const EXIT = { ok: 0, fault: 1, usage: 2, configuration: 78 } as const
export type Exit = (typeof EXIT)[keyof typeof EXIT]

/** Something is wrong with how the command was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const CONFIGURATION = /^(CONFIG_|PLUGIN_(GATE|NOT_FOUND|MANIFEST|CONFIG|LOAD|SETUP)$)/

export function exitOf(error: unknown): Exit {
  if (error instanceof UsageError) return EXIT.usage
  return isAppError(error) && isConfigurationCode(error.code) ? EXIT.configuration : EXIT.fault
}

function isConfigurationCode(code: ErrorCode): boolean {
  return CONFIGURATION.test(code)
}
