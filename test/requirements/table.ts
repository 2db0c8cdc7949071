// Every sentence of the contract of points and pipeline as data: whoever adds a sentence adds its test here. It proves nothing itself.
import type { Requirement } from './requirement.ts'
import { ANSWERS } from './sections/answers.ts'
import { CONDITIONS } from './sections/conditions.ts'
import { ENTRIES } from './sections/entries.ts'
import { EXPLAIN } from './sections/explain.ts'
import { IDENTITY } from './sections/identity.ts'
import { MODES } from './sections/modes.ts'
import { ORDER } from './sections/order.ts'
import { SHAPES } from './sections/shapes.ts'
import { VERDICTS } from './sections/verdicts.ts'
import { POINT_SENTENCES, WORDS } from './sections/words.ts'

export const REQUIREMENTS: readonly Requirement[] = [
  ...WORDS,
  ...POINT_SENTENCES,
  ...ORDER,
  ...VERDICTS,
  ...MODES,
  ...ANSWERS,
  ...CONDITIONS,
  ...ENTRIES,
  ...IDENTITY,
  ...EXPLAIN,
  ...SHAPES,
]
