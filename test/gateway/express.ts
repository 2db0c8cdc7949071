// Lets Express run inside vitest: with the condition `import` given to node, require('is-promise') finds a module that is no function.
import { createRequire } from 'node:module'

const here = createRequire(import.meta.url)
const inRouter = createRequire(here.resolve('express'))
const router = createRequire(inRouter.resolve('router'))
const found = router('is-promise') as { default?: unknown }
const cached = router.cache[router.resolve('is-promise')]
// must be imported before Express is
if (typeof found !== 'function' && cached) cached.exports = found.default
