// Makes a checkout runnable before an npm script starts: installs what package-lock.json names. It runs on Node 20 without any package.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const INSTALL_DEADLINE = 15 * 60_000
const root = fileURLToPath(new URL('..', import.meta.url))

const stale = staleness(root)
if (stale !== undefined) install(root, stale)
requireNode(root)

/**
 * Why the installed packages are not those of the lock, or undefined if they are. npm writes `.package-lock.json` as the
 * last step of an installation, so an interrupted one counts as none.
 */
function staleness(folder) {
  const wanted = readLock(join(folder, 'package-lock.json'))
  const found = readLock(join(folder, 'node_modules', '.package-lock.json'))
  if (wanted === undefined) return undefined
  if (found === undefined) return 'node_modules is missing'
  for (const [path, want] of Object.entries(wanted)) {
    // the empty path is this package itself; a package for another platform is not installed
    if (path === '' || (found[path] === undefined && (want.optional || want.devOptional))) continue
    if (found[path]?.version !== want.version || found[path]?.integrity !== want.integrity)
      return `package-lock.json changed (${path.replace('node_modules/', '')})`
  }
  return undefined
}

function readLock(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

function install(folder, reason) {
  say(`${reason}: running npm ci once, about half a minute`)
  const start = Date.now()
  // development packages too, whatever NODE_ENV says: the pinned Node is one of them
  const { status, error } = spawnSync('npm', ['ci', '--include=dev'], {
    cwd: folder,
    env: { ...process.env, PATH: systemPath(folder) },
    // standard output belongs to the script that follows
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
    timeout: INSTALL_DEADLINE,
  })
  if (status !== 0)
    fail(`npm ci failed (${error?.message ?? `exit ${status}`}); see its output above`)
  say(`installed in ${Math.round((Date.now() - start) / 1000)} s`)
}

// npm ci deletes node_modules and with it the Node that may be running this; npm itself has to run on the machine's
function systemPath(folder) {
  const entries = (process.env.PATH ?? '').split(delimiter)
  return entries.filter((entry) => !entry.startsWith(join(folder, 'node_modules'))).join(delimiter)
}

/** npm leaves the pinned Node without its binary when install scripts are off, and says nothing. */
function requireNode(folder) {
  const bin = join(folder, 'node_modules', 'node', 'bin')
  if (existsSync(join(bin, 'node')) || existsSync(join(bin, 'node.exe'))) return
  if (Number.parseInt(process.versions.node, 10) >= 26) return
  fail(
    `the pinned Node has no binary because install scripts are off and this machine has Node ${process.versions.node}; ` +
      'run: npm rebuild node --ignore-scripts=false',
  )
}

function say(text) {
  process.stderr.write(`setup: ${text}\n`)
}

function fail(text) {
  say(text)
  process.exit(1)
}
