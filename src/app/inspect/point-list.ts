// The points as a list for people and programs: what each is for, and whether it fires yet.
import { declarationOf, POINT_ALIASES, POINT_NAMES, type PointName } from '../../points/table.ts'

export interface ListedPoint {
  readonly name: PointName
  /** Names that other gateways use for it. */
  readonly aliases: readonly string[]
  /** When it fires. */
  readonly fires: string
  /** Whether the gateway fires it today. */
  readonly fired: boolean
  /** What it comes with, when it is not fired yet. */
  readonly comes?: string
  readonly writable: readonly string[]
  readonly deny: boolean
  readonly respond: boolean
  /** It only tells: verdicts are ignored. */
  readonly observe: boolean
}

export function listPoints(): ListedPoint[] {
  return POINT_NAMES.map((name) => {
    const { fires, wired, writable, deny, respond, observe } = declarationOf(name)
    return {
      name,
      aliases: Object.keys(POINT_ALIASES).filter((alias) => POINT_ALIASES[alias] === name),
      fires,
      fired: wired === true,
      ...(wired === true ? {} : { comes: wired }),
      writable: Object.keys(writable),
      deny,
      respond,
      observe,
    }
  })
}
