// Sizes and durations as people write them in YAML, parsed once at load into bytes and milliseconds.

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_UNITS = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
} as const

/** JSON Schema patterns of the two; generated schemas and error messages use them. */
export const DURATION_PATTERN = '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$'
export const SIZE_PATTERN = '^[0-9]+(\\.[0-9]+)?(B|KiB|MiB|GiB|kB|MB|GB)$'

/** `250ms`, `5s`, `1.5m`, `2h`, `1d` to milliseconds; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION_PATTERN, DURATION_UNITS)
}

/** `512B`, `64KiB`, `4MiB`, `1GB` to bytes; undefined if it is none. */
export function parseSize(text: string): number | undefined {
  return parse(text, SIZE_PATTERN, SIZE_UNITS)
}

function parse(
  text: string,
  pattern: string,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const unit = units[text.replace(/^[0-9.]+/, '')]
  if (unit === undefined || !new RegExp(pattern).test(text)) return undefined
  const value = Math.round(Number.parseFloat(text) * unit)
  return Number.isSafeInteger(value) ? value : undefined
}
