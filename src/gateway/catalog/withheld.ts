// Where a server's unlisted URIs may lead once some of what it lists is withheld; it reads nothing and knows no server.
import type { Listing } from './listing.ts'
import { looseForm } from './uri-form.ts'
import { compileTemplate } from './uris.ts'

/**
 * Whether a URI is one of those that are withheld, however it is spelled, or one that a withheld template leads to: also
 * where another template leads there, too.
 */
export function isWithheld(uri: string, resources: Listing, templates: Listing): boolean {
  const { shown, withheld, leads } = formsOf(resources, templates)
  if (shown.has(uri)) return false
  const loose = looseForm(uri)
  return withheld.has(loose) || leads.some((matches) => matches(uri) || matches(loose))
}

interface Forms {
  readonly shown: ReadonlySet<string>
  readonly withheld: ReadonlySet<string>
  readonly leads: readonly ((uri: string) => boolean)[]
}

const known = new WeakMap<Listing, WeakMap<Listing, Forms>>()

// compiled once for two listings
function formsOf(resources: Listing, templates: Listing): Forms {
  const byTemplates = known.get(resources) ?? new WeakMap<Listing, Forms>()
  known.set(resources, byTemplates)
  const forms = byTemplates.get(templates) ?? {
    shown: new Set(resources.items.map(({ name }) => name)),
    withheld: new Set([...resources.withheld, ...templates.withheld].map(looseForm)),
    leads: templates.withheld.flatMap((each) => [each, looseForm(each)].map(compileTemplate)),
  }
  byTemplates.set(templates, forms)
  return forms
}
