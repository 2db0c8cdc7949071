// The one assertion of fuzz targets: cheap enough for a million inputs, where an assertion library is not.

export function holds(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`does not hold: ${what}`)
}
