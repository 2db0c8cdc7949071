// Semantic versions and their ranges; the package that knows them is loaded when the first one has to be judged.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

export function isVersion(text: string): boolean {
  const valid = require('semver/functions/valid.js') as typeof import('semver').valid
  return valid(text) !== null
}

export function isRange(text: string): boolean {
  const validRange = require('semver/ranges/valid.js') as typeof import('semver').validRange
  return validRange(text) !== null
}

/** False also for what is no version. */
export function isWithin(version: string, range: string): boolean {
  const satisfies = require('semver/functions/satisfies.js') as typeof import('semver').satisfies
  return satisfies(version, range)
}
