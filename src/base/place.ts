// Where the code of this package lies, as sources or built, so that one file knows how deep it is; it reads nothing.

/** The folder `src`. The build keeps this file two levels below the package's root, whatever it joins it with. */
export const SOURCES = new URL('../', import.meta.url)

export const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
