// The CEL library, loaded with the first expression that is compiled: 130 modules that a gateway without expressions does not need.
import { createRequire } from 'node:module'

type Library = typeof import('@bufbuild/cel') & typeof import('@bufbuild/cel/ext')

const require = createRequire(import.meta.url)
let loaded: Library | undefined

export function celLibrary(): Library {
  loaded ??= load()
  return loaded
}

// copied: what the packages export are getters, and some of it is asked for in every evaluation
function load(): Library {
  return {
    ...(require('@bufbuild/cel') as typeof import('@bufbuild/cel')),
    ...(require('@bufbuild/cel/ext') as typeof import('@bufbuild/cel/ext')),
  }
}
