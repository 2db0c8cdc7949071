// Emphasis on a terminal, and none elsewhere; a table in plain columns.
import { stripVTControlCharacters, styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

export interface Style {
  strong(text: string): string
  faint(text: string): string
  good(text: string): string
  bad(text: string): string
  careful(text: string): string
}

export function createStyle(colour: boolean): Style {
  const as = (format: Format) => (text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text
  return {
    strong: as('bold'),
    faint: as('dim'),
    good: as('green'),
    bad: as('red'),
    careful: as('yellow'),
  }
}

/** Columns as wide as their widest cell, two spaces apart; the last one runs on. */
export function columns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, width(cell))
    })
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) =>
        index === row.length - 1 ? cell : cell + ' '.repeat((widths[index] ?? 0) - width(cell)),
      )
      .join('  ')
      .trimEnd()
  return rows.map((row) => `${indent}${line(row)}\n`).join('')
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length
}
