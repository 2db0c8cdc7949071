// What a kind of entities is called in paths and in the document.

export interface KindNames {
  readonly path: string
  readonly one: string
  readonly many: string
}

/** `virtual_server` is `/virtual-servers`, `VirtualServer`, `VirtualServers`. */
export function namesOf(kind: string): KindNames {
  const one = kind
    .split('_')
    .map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`)
    .join('')
  return { path: `/${pluralOf(kind.replaceAll('_', '-'))}`, one, many: pluralOf(one) }
}

// policy, policies; key, keys
function pluralOf(name: string): string {
  return /[^aeiou]y$/.test(name) ? `${name.slice(0, -1)}ies` : `${name}s`
}
