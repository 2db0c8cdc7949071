// Writes a report into the folder of results: JSON with every cell, Markdown, and a plot for each case.
import { globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { markdown } from './markdown.ts'
import { plotsOf } from './plots.ts'
import type { Report } from './report.ts'

const FOLDER = new URL('results/', import.meta.url)

/** Gives back the Markdown. */
export function writeReport(report: Report, file: string): string {
  mkdirSync(FOLDER, { recursive: true })
  for (const old of globSync(`${file}-*.svg`, { cwd: FOLDER })) rmSync(new URL(old, FOLDER))
  const plots = new Map<string, string[]>()
  for (const result of report.cases) {
    for (const [suffix, svg] of plotsOf(result)) {
      const name = `${file}-${result.name}${suffix}.svg`
      writeFileSync(new URL(name, FOLDER), svg)
      plots.set(result.name, [...(plots.get(result.name) ?? []), name])
    }
  }
  const text = markdown(report, plots)
  writeFileSync(new URL(`${file}.json`, FOLDER), `${JSON.stringify(report)}\n`)
  writeFileSync(new URL(`${file}.md`, FOLDER), text)
  return text
}
