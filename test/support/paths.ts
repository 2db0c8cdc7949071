// Where the parts that tests start are found in this repository.
import { fileURLToPath } from 'node:url'

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url))

export const root = path('.')
/** The Node.js this project pins, whatever the machine has. */
export const node = path('node_modules/node/bin/node')
/** The gateway; PORTCULLIS_BIN names another build to run the same tests against. */
export const bin = process.env.PORTCULLIS_BIN ?? path('bin/portcullis.js')
export const fixture = path('test/fixtures/conformance/server.ts')
export const modules = (relative: string) => path(`node_modules/${relative}`)
/** Runs the sources of this checkout; another build brings its own. */
export const nodeFlags = process.env.PORTCULLIS_BIN ? [] : ['--conditions=portcullis-source']
