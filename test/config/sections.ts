// The loader of the product with every check, for the tests of this folder.
import { type GatewayConfig, NOT_BUILT, SECTIONS } from '../../src/app/sections.ts'
import { AUDIT_CHECK } from '../../src/audit/options.ts'
import { createLoader, type Loader } from '../../src/config/load.ts'
import { createLimitChecks, createPluginChecks } from '../../src/host/option-checks.ts'
import { EXPOSURE_CHECK } from '../../src/identity/options.ts'
import { STORE_CHECK } from '../../src/store/options.ts'

export type { GatewayConfig } from '../../src/app/sections.ts'

export function gatewayLoader(): Loader<GatewayConfig> {
  return createLoader<GatewayConfig>({
    sections: SECTIONS,
    notBuilt: NOT_BUILT,
    checks: [
      EXPOSURE_CHECK,
      STORE_CHECK,
      AUDIT_CHECK,
      ...createPluginChecks(),
      ...createLimitChecks(),
    ],
  })
}
