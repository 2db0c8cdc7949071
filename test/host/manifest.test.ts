// The schema that manifests are read with.
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { MANIFEST_SCHEMA } from '../../src/host/discovery/manifest.ts'

test('the schema of manifests is a schema of its dialect: the parser does not look again', () => {
  const ajv = new Ajv2020()
  expect(ajv.validateSchema(MANIFEST_SCHEMA), ajv.errorsText()).toBe(true)
})
