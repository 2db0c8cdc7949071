// A tiny watcher process that ends the process groups of our servers when the gateway dies, kill -9 included; it starts no server itself.
import type { ChildProcess } from 'node:child_process'
import type { Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { spawn } from './spawn.ts'

export interface ProcessGuard {
  /** From now on the group ends with the gateway. */
  watch(group: number): void
  release(group: number): void
  /** Ends the watcher; groups still watched are ended with it. */
  close(): void
}

/*
 * Node reaches neither PR_SET_PDEATHSIG nor a kill-on-close handle, but a pipe reports the death of its writer whatever
 * killed it. One shell (1 MB, 1 ms to start) serves all servers: it reads `+ group` and `- group`, and at the end of its
 * input ends what is left. It sits in a session of its own, so that a signal to the gateway's group passes it by.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM PIPE
groups=' '
while read -r change group; do
  case $change in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="\${groups%% $group *} \${groups#* $group }" ;; esac ;;
  esac
done
[ "$groups" = ' ' ] && exit 0
for group in $groups; do kill -s TERM -- "-$group"; done
sleep 1
for group in $groups; do kill -s KILL -- "-$group"; done
`
const RESPAWN_MS = 1000

export function createProcessGuard(deps: { clock: Clock; log: Logger }): ProcessGuard {
  const groups = new Set<number>()
  let child: ChildProcess | undefined
  let closed = false

  function start(): void {
    const started = spawn('/bin/sh', ['-c', SCRIPT], {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child = started
    // the watcher must not keep the gateway alive
    started.unref()
    ;(started.stdin as { unref?: () => void } | null)?.unref?.()
    started.stdin?.on('error', () => {})
    started.on('error', (error) => lost(started, messageOf(error)))
    started.on('exit', () => lost(started, 'it ended'))
    for (const group of groups) tell('+', group)
  }

  function lost(which: ChildProcess, reason: string): void {
    if (closed || child !== which) return
    child = undefined
    deps.log.warn({ reason }, 'the process guard is gone; servers may outlive a killed gateway')
    deps.clock.after(RESPAWN_MS, () => {
      if (!closed && !child && groups.size > 0) start()
    })
  }

  function tell(change: '+' | '-', group: number): void {
    child?.stdin?.write(`${change} ${group}\n`)
  }

  return {
    watch(group) {
      groups.add(group)
      if (!child && !closed) start()
      else tell('+', group)
    },
    release(group) {
      if (groups.delete(group)) tell('-', group)
    },
    close() {
      closed = true
      child?.stdin?.end()
    },
  }
}
