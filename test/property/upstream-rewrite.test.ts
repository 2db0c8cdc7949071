// What a link changes in a client's message, and nothing else: over random messages, tokens and edits.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { restoreToken, rewrite } from '../../src/upstream/rewrite.ts'
import { readMessage } from '../../src/wire/message.ts'
import { META } from '../../src/wire/revision.ts'
import { editMember } from '../../src/wire/splice.ts'

const LIMITS = { depth: 64 }
const token = fc.oneof(fc.string(), fc.integer(), fc.constantFrom(1e21, 0.5))
// integers beyond 2^53 and -0 travel as bytes, which JSON.parse here would not show
const json = fc
  .jsonValue({ maxDepth: 3 })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll('-0', '0')))
const spaces = fc.constantFrom(undefined, 1, '\t')

const request = fc.record({
  id: fc.oneof(fc.string(), fc.integer()),
  args: json,
  meta: fc.option(
    fc.record(
      {
        progressToken: token,
        traceparent: fc.string(),
        [META.clientCapabilities]: fc.dictionary(
          fc.constantFrom('sampling', 'elicitation', 'roots', 'extensions', 'experimental'),
          fc.constant({}),
        ),
      },
      { requiredKeys: [] },
    ),
    { nil: undefined },
  ),
  space: spaces,
})

it('id, token and what is not relayed change; everything else is the same, with or without edits', () => {
  fc.assert(
    fc.property(
      request,
      fc.boolean(),
      fc.boolean(),
      ({ id, args, meta, space }, rename, newMeta) => {
        const params = { name: 'a__tool', arguments: args, ...(meta && { _meta: meta }) }
        const text = JSON.stringify(
          { jsonrpc: '2.0', id, method: 'tools/call', params },
          null,
          space,
        )
        const message = readMessage(Buffer.from(text), LIMITS)
        const edits = [
          ...(rename ? editMember(message, ['params', 'name'], 'tool') : []),
          ...(newMeta ? editMember(message, ['params', '_meta'], { ...meta, added: true }) : []),
        ]
        const { bytes, token: kept } = rewrite({ message, edits, timeout: 1 }, 4711, LIMITS)
        const sent = JSON.parse(Buffer.from(bytes).toString())
        const expected = structuredClone(JSON.parse(text))
        expected.id = 4711
        if (rename) expected.params.name = 'tool'
        if (newMeta) expected.params._meta = { ...expected.params._meta, added: true }
        if (meta?.progressToken !== undefined) expected.params._meta.progressToken = 4711
        expect(sent).toEqual(expected)
        expect(kept === undefined ? undefined : JSON.parse(kept)).toEqual(
          meta?.progressToken === undefined
            ? undefined
            : JSON.parse(JSON.stringify(meta.progressToken)),
        )
      },
    ),
  )
})

it.each(['"text"', '1e3', '1.0', '12345678901234567890', '"\\u0041"'])(
  'a progress token comes back as the client wrote it: %s',
  (written) => {
    const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":${written}}}}`
    const { token: kept } = rewrite(
      { message: readMessage(Buffer.from(text), LIMITS), edits: [], timeout: 1 },
      5,
      LIMITS,
    )
    expect(kept).toBe(written)
    const progress = readMessage(
      Buffer.from(
        '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":5,"progress":1}}',
      ),
      LIMITS,
    )
    const restored = restoreToken(progress, kept ?? '', 64)
    expect(restored.bytes.toString()).toContain(`"progressToken":${written},"progress":1`)
  },
)
