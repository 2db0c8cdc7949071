// What this process has used of the processor: unlike elapsed time, the same whatever else the machine does meanwhile.

/** Nanoseconds, of all its threads: collecting what a variant leaves behind is counted too. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}
