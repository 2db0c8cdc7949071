// docs/openapi.json: the document of the admin API, as a gateway serves it at /openapi.json.
import { openApi } from '../../src/admin/openapi.ts'
import { routesOf } from '../../src/admin/routes/table.ts'
import { entityKinds } from '../../src/app/admin/kinds.ts'
import { SELF } from '../../src/app/self.ts'

export function openApiReference(): string {
  const kinds = entityKinds()
  const document = openApi({ routes: routesOf(kinds), kinds, version: SELF.version, base: '' })
  return `${JSON.stringify(document, null, 2)}\n`
}
