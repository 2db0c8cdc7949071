// A page of documentation as the test reads it: its fences with what they promise, its links; it runs nothing.

export interface Fence {
  /** Line of its first line of content, counted from 1. */
  readonly line: number
  readonly language: string
  /** Words of the info string after the language: `run`, `live`, … */
  readonly flags: ReadonlySet<string>
  /** `key=value`, `key="value"` and `key='value'` of the info string. */
  readonly values: Readonly<Record<string, string>>
  readonly text: string
}

const FENCE = /^ *```[\s\S]*?^ *```$/gm
const OPEN = /^( *)```(\S*)(.*)$/

/** Every fence of a page, in order; one inside a list is unindented. */
export function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = []
  const lines = markdown.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const open = OPEN.exec(lines[at] ?? '')
    if (open === null) continue
    const [, indent = '', language = '', info = ''] = open
    const start = at + 1
    const end = lines.findIndex((line, index) => index >= start && line.trim() === '```')
    if (end < 0) throw new Error(`the fence in line ${at + 1} has no end`)
    const text = lines.slice(start, end).map((line) => withoutIndent(line, indent.length))
    fences.push({ line: start + 1, language, ...infoOf(info), text: `${text.join('\n')}\n` })
    at = end
  }
  return fences
}

function withoutIndent(line: string, width: number): string {
  return line.slice(Math.min(width, line.length - line.trimStart().length))
}

function infoOf(info: string): Pick<Fence, 'flags' | 'values'> {
  const flags = new Set<string>()
  const values: Record<string, string> = {}
  for (const [, key = '', double, single, plain, flag = ''] of info.matchAll(
    /(\w+)=(?:"([^"]*)"|'([^']*)'|(\S+))|(\S+)/g,
  )) {
    if (key === '') flags.add(flag)
    else values[key] = double ?? single ?? plain ?? ''
  }
  return { flags, values }
}

export interface Step {
  readonly command: string
  /** Lines that follow it, up to the next command. */
  readonly shown: string
}

/** What a `console` fence shows: commands after `$ `, each with its output. */
export function stepsOf({ text }: Fence): Step[] {
  const steps: { command: string; shown: string }[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    const last = steps.at(-1)
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), shown: '' })
    else if (last?.command.endsWith('\\') && last.shown === '')
      last.command = `${last.command.slice(0, -1)}${line.trim()}`
    else if (last) last.shown += `${line}\n`
    else throw new Error(`a console fence begins with a command: ${line}`)
  }
  return steps
}

/** Whether the output is what the page shows; a line `...` in the page stands for any number of lines. */
export function isShown(shown: string, output: string): boolean {
  const pattern = normalise(shown)
    .split(/^\.\.\.$/m)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*')
  return new RegExp(`^${pattern}$`).test(normalise(output))
}

const normalise = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trim()

/** Targets of links and pictures, but for those in fences. */
export function linksOf(markdown: string): string[] {
  const prose = markdown.replace(FENCE, '').replace(/`[^`\n]*`/g, '')
  const links = [
    ...prose.matchAll(/\]\(([^)\s]+)\)/g),
    ...prose.matchAll(/(?:src|srcset|href)="([^"]+)"/g),
  ]
  return links.map((match) => match[1] ?? '')
}

/** The anchors that a page has, as code hosts make them of its headings. */
export function anchorsOf(markdown: string): string[] {
  const prose = markdown.replace(FENCE, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
