// What the kernel says about processes: CPU time, memory, open files, children; Linux only, reads /proc and changes nothing.
import { readdirSync, readFileSync } from 'node:fs'

const TICK = 10_000_000

/**
 * Nanoseconds of CPU of all threads. The scheduler counts them exactly (schedstat); where the kernel does not keep it, user and
 * system time in ticks of 10 ms (proc(5), fields 14 and 15 of stat).
 */
export function cpuOf(pid: number): number {
  return scheduled(pid) ?? ticked(pid)
}

function scheduled(pid: number): number | undefined {
  let sum = 0
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [ran = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
      sum += Number(ran)
    }
  } catch {
    return undefined
  }
  return sum > 0 ? sum : undefined
}

function ticked(pid: number): number {
  const { user, system } = statOf(pid)
  return (user + system) * TICK
}

interface Stat {
  readonly parent: number
  readonly user: number
  readonly system: number
  /** Of the children that ended and were waited for. */
  readonly children: number
}

function statOf(pid: number): Stat {
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

/** proc(5). The second field is the command in brackets and may hold anything, brackets and blanks too. */
export function parseStat(stat: string): Stat {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const at = (index: number) => Number(fields[index])
  return { parent: at(1), user: at(11), system: at(12), children: at(13) + at(14) }
}

/** The process and everything it started, as far as it lives. */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const { parent } = statOf(Number(entry))
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // it ended meanwhile
    }
  }
  const found = [pid]
  for (const member of found) found.push(...(children.get(member) ?? []))
  return found
}

/** Bytes of memory that are resident. */
export function residentOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
}

export function openFilesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Hundredths of a second that all cores were not idle; undefined where there is no /proc. */
export function busyTicks(): number | undefined {
  try {
    return parseBusy(readFileSync('/proc/stat', 'utf8'))
  } catch {
    return undefined
  }
}

export function parseBusy(stat: string): number {
  const [first = ''] = stat.split('\n', 1)
  const [, user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, steal = 0] = first
    .split(/\s+/)
    .map(Number)
  return user + nice + system + irq + soft + steal
}
