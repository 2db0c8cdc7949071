// Notices that configuration files changed and says so once things are quiet; what changed is found out by loading again.
import { type FSWatcher, watch } from 'node:fs'
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'

export interface WatchTargets {
  /** Absolute paths; they need not exist now. */
  readonly files: readonly string[]
  /** Folders whose `.yaml` files are included by a pattern: a new one there is a change. */
  readonly folders?: readonly string[]
}

export interface WatchOptions {
  /** Milliseconds without another event before the change is reported. */
  readonly debounce?: number
  readonly clock?: Clock
  /** A folder that cannot be watched any more; the rest goes on. */
  readonly onError?: (error: Error) => void
}

export interface ConfigWatcher {
  /** Replaces what is watched; after a reload the included files may be others. */
  update(targets: WatchTargets): Promise<void>
  /** Ends it; a change that is waiting is not reported any more. */
  close(): void
}

/**
 * Watches folders, not files: editors replace a file by renaming another over it, and container platforms swap a link
 * (`..data`) beside it. `onChange` never runs twice at the same time; what happens meanwhile leads to one more run.
 */
export async function watchConfig(
  targets: WatchTargets,
  onChange: () => void | Promise<void>,
  options: WatchOptions = {},
): Promise<ConfigWatcher> {
  const { debounce = 200, clock = systemClock, onError = () => {} } = options
  const settled = createSettled(onChange, { debounce, clock, onError })
  let watchers = new Map<string, FSWatcher>()
  let closed = false

  async function update(next: WatchTargets): Promise<void> {
    const wanted = await interests(next)
    const old = watchers
    if (closed) return
    watchers = new Map()
    for (const [folder, matches] of wanted) {
      try {
        const watcher = watch(folder, { persistent: false }, (_event, name) => {
          if (name === null || matches(name)) settled.schedule()
        })
        watcher.on('error', onError)
        watchers.set(folder, watcher)
      } catch (error) {
        onError(error as Error)
      }
    }
    for (const watcher of old.values()) watcher.close()
  }

  await update(targets)
  return {
    update,
    close() {
      closed = true
      settled.close()
      for (const watcher of watchers.values()) watcher.close()
      watchers.clear()
    },
  }
}

interface Settled {
  schedule(): void
  close(): void
}

/** Runs once things are quiet, and never twice at the same time. */
function createSettled(run: () => void | Promise<void>, options: Required<WatchOptions>): Settled {
  let cancel: (() => void) | undefined
  let closed = false
  let running = false
  let again = false

  function schedule(): void {
    if (closed) return
    cancel?.()
    cancel = options.clock.after(options.debounce, () => void due())
  }

  async function due(): Promise<void> {
    if (running) {
      again = true
      return
    }
    running = true
    try {
      await run()
    } catch (error) {
      options.onError(error instanceof Error ? error : new Error(String(error)))
    }
    running = false
    if (!again) return
    again = false
    schedule()
  }

  return {
    schedule,
    close() {
      closed = true
      cancel?.()
    },
  }
}

/** Which names matter in which folder; links are followed, because their target may be edited in place. */
async function interests(targets: WatchTargets): Promise<Map<string, (name: string) => boolean>> {
  const names = new Map<string, Set<string>>()
  const add = (path: string): void => {
    const folder = dirname(path)
    names.set(folder, (names.get(folder) ?? new Set()).add(basename(path)))
  }
  for (const file of targets.files) {
    add(file)
    const target = await realpath(file).catch(() => file)
    if (target !== file) add(target)
  }
  const open = new Set(targets.folders ?? [])
  for (const folder of open) if (!names.has(folder)) names.set(folder, new Set())
  const wanted = new Map<string, (name: string) => boolean>()
  for (const [folder, known] of names)
    wanted.set(
      folder,
      (name) =>
        known.has(name) ||
        name.startsWith('..') ||
        (open.has(folder) && isYaml(join(folder, name))),
    )
  return wanted
}

function isYaml(path: string): boolean {
  return /\.ya?ml$/.test(path)
}
