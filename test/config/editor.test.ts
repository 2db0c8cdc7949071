// The schema for editors: ordinary JSON Schema that agrees with the loader.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: this is what substitutions look like
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configLoader } from '../../src/app/sections.ts'
import { editorSchema } from '../../src/config/schema/editor.ts'

const loader = configLoader()
const schema = editorSchema(loader.schema)
const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(
  schema,
)
const folder = join(import.meta.dirname, 'bad')

// mistakes that only the loader can see: places, names, meanings
const BEYOND =
  /^(attestation-absent|audit-(sink|rotation|sign)|empty|env-|file-|include-|yaml-|entry-(name-twice|observer|order|unfired|unknown|version)|identity-(grants|keys|nobody|oauth|roles)$|limits-unknown|policy-(excess|guard|name|needs|on-unfired)|server-(name-twice|transport$|header-reserved)|virtual-server-(name-twice|paths))/

describe('the schema for editors', () => {
  it('has no keyword of ours', () => {
    expect(JSON.stringify(schema)).not.toMatch(/"x-|"format"/)
  })

  it('is made of a schema that its dialect accepts: the loader does not look again', () => {
    const ajv = new Ajv2020({ strict: false })
    expect(ajv.validateSchema(loader.schema), ajv.errorsText()).toBe(true)
  })

  it('describes every section', () => {
    const sections = schema.properties as Record<string, { description?: string }>
    expect(Object.entries(sections).filter(([, { description }]) => !description)).toEqual([])
  })

  it('accepts what the loader accepts, substitutions included', () => {
    const text = `version: 1
include: [./servers/*.yaml]
listen: { port: "\${env:PORT}", tls: { cert: a.pem, key: b.pem } }
store: { url: "\${env:STORE}", keys: ["\${file:store.key}"] }
limits: { drain: 1.5m, body: "\${env:BODY:-4MiB}", ask: 5m, points: { tool_pre_invoke: 2MiB } }
namespacing: { mode: "\${env:MODE:-never}" }
servers: [{ name: a, command: npx, args: [-y, x], pool: { per: shared } }]
policies: [{ name: p, on: [tool_pre_invoke], conditions: [{ eras: [modern] }], then: deny, reason: no }]
`
    expect([validate(parse(text)), validate.errors]).toEqual([true, null])
  })

  const names = readdirSync(folder).filter(
    (name) => name.endsWith('.yaml') && !BEYOND.test(name.replace('.yaml', '')),
  )
  for (const name of names)
    it(`refuses what the loader refuses: ${name}`, () => {
      expect(validate(parse(readFileSync(join(folder, name), 'utf8')))).toBe(false)
    })
})
