// How the tests run: real Node 26, our own sources for `portcullis/*`, no global state between files.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['portcullis-source'] },
  ssr: { resolve: { conditions: ['portcullis-source'] } },
  test: {
    include: ['test/**/*.test.ts', 'plugins/**/*.test.ts'],
    setupFiles: ['test/support/property.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    pool: 'forks',
    maxWorkers: 2,
    coverage: { provider: 'v8', include: ['src/**', 'plugins/**'] },
  },
})
