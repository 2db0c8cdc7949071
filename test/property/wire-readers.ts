// Naive JSON readers as other servers have them: the first member wins, the last wins, names match without case. Test support.

/** A JSON text as every reader sees its structure: objects as lists of members, duplicates and all. */
export type Tree =
  | string
  | number
  | boolean
  | null
  | Tree[]
  | { readonly members: [string, Tree][] }

export interface Reader {
  readonly name: string
  /** The value a program gets when it asks an object for a member. */
  get(tree: Tree | undefined, member: string): Tree | undefined
}

function membersOf(tree: Tree | undefined): [string, Tree][] {
  return typeof tree === 'object' && tree !== null && 'members' in tree ? tree.members : []
}

export const FIRST_WINS: Reader = {
  name: 'first wins',
  get: (tree, member) => membersOf(tree).find(([name]) => name === member)?.[1],
}

export const LAST_WINS: Reader = {
  name: 'last wins',
  get: (tree, member) => membersOf(tree).findLast(([name]) => name === member)?.[1],
}

/** Go's encoding/json: the last member whose name is equal under simple case folding (`i` and `u` of a regular expression). */
export const IGNORES_CASE: Reader = {
  name: 'ignores case',
  get(tree, member) {
    const alike = new RegExp(`^${member.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}$`, 'iu')
    return membersOf(tree).findLast(([name]) => alike.test(name))?.[1]
  },
}

/** A textbook recursive reader of valid JSON that keeps every member it meets. */
export function readTree(text: string): Tree {
  let at = 0
  const space = () => {
    while (' \t\r\n'.includes(text[at] ?? 'x')) at++
  }
  const string = (): string => {
    const start = at++
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
    return JSON.parse(text.slice(start, ++at)) as string
  }
  const list = <Item>(close: string, item: () => Item): Item[] => {
    const items: Item[] = []
    at++
    space()
    while (text[at] !== close) {
      items.push(item())
      space()
      if (text[at] === ',') at++
      space()
    }
    at++
    return items
  }
  const value = (): Tree => {
    space()
    if (text[at] === '"') return string()
    if (text[at] === '[') return list(']', value)
    if (text[at] === '{')
      return {
        members: list('}', () => {
          const name = string()
          space()
          at++
          return [name, value()] as [string, Tree]
        }),
      }
    const [token = ''] = /^[-+.\w]+/.exec(text.slice(at)) ?? []
    at += token.length
    return JSON.parse(token) as Tree
  }
  return value()
}
