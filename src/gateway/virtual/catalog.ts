// The catalogue as a virtual server shows it: the same items under the same names, without those it does not select.
import type { Catalog } from '../catalog/catalog.ts'
import { LISTS, type ListKind } from '../catalog/listing.ts'
import type { Merged } from '../catalog/merge.ts'
import type { OwnName } from '../catalog/names.ts'
import { abnormality } from '../catalog/uri-form.ts'
import type { VirtualServer } from './selection.ts'

export function selectCatalog(whole: Catalog, { selects }: VirtualServer): Catalog {
  // what was merged stays the same object until something changes
  const views = new WeakMap<Merged, Merged>()
  const viewOf = (kind: ListKind, merged: Merged): Merged => {
    let view = views.get(merged)
    if (!view) {
      view = selectMerged(kind, merged, selects)
      views.set(merged, view)
    }
    return view
  }
  const exposedBy = async (kind: ListKind, { server, name }: OwnName) => {
    const { naming, uris } = await whole.list(kind)
    return isNamed(kind) ? naming.exposed(server, name) : uris.exposed(server, name)
  }

  return {
    async list(kind, patience) {
      return viewOf(kind, await whole.list(kind, patience))
    },
    current(kind) {
      const merged = whole.current(kind)
      return merged && viewOf(kind, merged)
    },
    async definition(kind, server, name) {
      const exposed = await exposedBy(kind, { server, name })
      if (exposed === undefined || !selects(kind, exposed)) return undefined
      return whole.definition(kind, server, name)
    },
    shows: selects,
    async reaches(kind, own, fits = false) {
      if (!(await whole.reaches(kind, own, fits))) return false
      if (!isNamed(kind)) return reachesUri(await whole.list(kind), own, fits)
      const exposed = await exposedBy(kind, own)
      return exposed !== undefined && selects(kind, exposed)
    },
    invalidate: whole.invalidate,
  }

  // a URI that is listed goes by its exposed form, however it was spelled
  function reachesUri({ uris }: Merged, { server, name }: OwnName, fits: boolean): boolean {
    const exposed = uris.exposed(server, name)
    if (uris.owner(exposed)) return selects('resources', exposed)
    return fits || (selects('resources', name) && abnormality(name) === undefined)
  }
}

function selectMerged(kind: ListKind, merged: Merged, selects: VirtualServer['selects']): Merged {
  const { naming, uris } = merged
  const exposedName = (server: string, name: string): string | undefined => {
    const exposed = naming.exposed(server, name)
    return exposed !== undefined && selects(kind, exposed) ? exposed : undefined
  }
  const isSelected = ({ server, name }: OwnName) =>
    isNamed(kind)
      ? exposedName(server, name) !== undefined
      : selects(kind, uris.exposed(server, name))
  return {
    ...merged,
    items: merged.items.filter(isSelected),
    naming: {
      byExposed: new Map([...naming.byExposed].filter(([exposed]) => selects(kind, exposed))),
      exposed: exposedName,
    },
    uris: {
      exposed: uris.exposed,
      owner: (uri) => (selects(kind, uri) ? uris.owner(uri) : undefined),
      byTemplate: (uri) => (selects(kind, uri) ? uris.byTemplate(uri) : []),
    },
  }
}

const isNamed = (kind: ListKind) => LISTS[kind].key === 'name'
