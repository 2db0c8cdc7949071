// Section 7 of the contract: for which requests an entry runs.
import { section, within } from '../requirement.ts'

const conditions = within('test/engine/conditions.test.ts')
const bad = (name: string) =>
  within('test/config/bad.test.ts')(
    `a wrong configuration file > is refused with its place and message: ${name}`,
  )
const points = within('test/requirements/points.test.ts')
const pattern = within('test/expression/pattern.test.ts')
const cel = within('test/expression/cel.test.ts')
const CURRENT = 'the rest is evaluated on the current payload just before the entry has its turn'

export const CONDITIONS = section('7 Conditions', [
  {
    id: 'H7-objects-or',
    says: 'The objects of `conditions` are OR-ed.',
    tests: conditions('structured fields > the objects of a list are OR-ed'),
  },
  {
    id: 'H7-fields-and',
    says: 'The fields of one object are AND-ed.',
    tests: conditions('structured fields > the fields of one object are AND-ed'),
  },
  {
    id: 'H7-unknown-field',
    says: 'An unknown field is an error.',
    tests: [...conditions('load errors > %s'), ...bad('foreign-condition')],
  },
  { id: 'H7-empty', says: 'An empty list is an error.', tests: bad('conditions-empty') },
  {
    id: 'H7-exact',
    says: 'A text without a star or slashes is exact.',
    tests: conditions('structured fields > an exact text is no prefix: %o'),
  },
  {
    id: 'H7-glob',
    says: 'A text with a star is a glob.',
    tests: conditions('structured fields > a glob: %o'),
  },
  {
    id: 'H7-re2',
    says: 'A text between slashes is an RE2 expression.',
    tests: conditions('structured fields > an RE2 expression: %o'),
  },
  {
    id: 'H7-tools-own-names',
    says: '`tools` are the upstream’s own names.',
    tests: points(
      'a condition > on tools matches the own name of a tool, not the one the client uses',
    ),
  },
  {
    id: 'H7-resources-paths',
    says: '`resources` are paths: one star stays within a segment, two do not.',
    tests: conditions('structured fields > resources are paths: one star stays within a segment'),
  },
  {
    id: 'H7-servers',
    says: '`servers` is the name of the server.',
    tests: conditions('structured fields > servers: %o'),
  },
  {
    id: 'H7-prompts',
    says: '`prompts` is the upstream’s own name of a prompt.',
    tests: points(
      'a condition > on prompts matches the own name of a prompt, not the one the client uses',
    ),
  },
  {
    id: 'H7-tenants-users-roles',
    says: '`tenants`, `users` and `roles` are of the principal.',
    tests: conditions(
      'structured fields > tenants: %o',
      'structured fields > users: %o',
      'structured fields > roles: %o',
    ),
  },
  {
    id: 'H7-agents',
    says: '`agents` is the client’s own word for itself.',
    tests: conditions('structured fields > agents: %o'),
  },
  {
    id: 'H7-methods',
    says: '`methods` is the MCP method.',
    tests: conditions('structured fields > methods: %o'),
  },
  {
    id: 'H7-methods-at-http',
    says: '`methods` at http points is an error, because no method is known there.',
    tests: points('a condition > on methods is an error at http points, where it is not known yet'),
  },
  {
    id: 'H7-tags-environments',
    says: '`tags` and `environments` are of the server.',
    tests: conditions('structured fields > tags: %o', 'structured fields > environments: %o'),
  },
  {
    id: 'H7-eras',
    says: '`eras` is the era of the client.',
    tests: conditions('structured fields > eras: %o'),
  },
  {
    id: 'H7-labels',
    says: '`labels` are those the request or its session has.',
    tests: conditions('structured fields > labels'),
  },
  {
    id: 'H7-content-types',
    says: '`content_types` are those of the content.',
    tests: conditions('structured fields > content types'),
  },
  {
    id: 'H7-compiled-at-load',
    says: 'Conditions are compiled at load: what is not valid is an error then.',
    tests: [
      ...conditions('load errors > %s'),
      ...pattern('a condition text > that is empty or no RE2 is a load error'),
      ...cel('load errors > %s'),
    ],
  },
  {
    id: 'H7-static-parts',
    says: 'Static parts select the runner: an entry that cannot match costs nothing.',
    tests: conditions(
      'static parts select the runner > an entry that cannot match the target is not in it, and a point without entries left has none',
    ),
  },
  {
    id: 'H7-current-payload',
    says: 'The rest is evaluated on the current payload just before the entry’s turn.',
    tests: conditions(
      `${CURRENT} > by when`,
      `${CURRENT} > a rename by an earlier plugin does not slip past an entry for the new name, in the chain or as a guard`,
      `${CURRENT} > nor past an observer, and entries for the old name run no more`,
    ),
  },
  {
    id: 'H7-linear-time',
    says: 'Conditions are evaluated in linear time, whatever is sent.',
    tests: [
      ...pattern('globs as a whole > take linear time on adversarial text'),
      ...within('test/expression/regex.test.ts')(
        'a regular expression > takes linear time where JavaScript takes exponential',
      ),
      ...cel(
        'bounded time > is linear for map and filter',
        'bounded time > is linear for matches and contains, whatever text and needle are',
      ),
    ],
  },
  {
    id: 'H7-no-value-no-match',
    says: 'A structured field without a value does not match.',
    tests: conditions('structured fields > a field without a value does not match'),
  },
  {
    id: 'H7-when-defaults',
    says: '`when` sees declared variables with typed defaults: an anonymous principal has `roles: []`.',
    tests: [
      ...within('test/gateway/hooks-chain.test.ts')(
        'in the %s era > an anonymous caller is denied by !("admin" in principal.roles)',
      ),
      ...conditions(
        'when > sees declared variables with typed defaults: an anonymous principal has no roles',
      ),
      ...cel(
        'declared variables > have typed defaults, so that an anonymous caller is denied by a role that is missing',
      ),
    ],
  },
  {
    id: 'H7-when-and',
    says: '`when` is AND-ed with `conditions`.',
    tests: conditions('when > is AND-ed with conditions'),
  },
  {
    id: 'H7-when-error',
    says: 'An error in `when` is a fault under `on_error`.',
    tests: conditions('when > an error in it is a fault under on_error'),
  },
  {
    id: 'H7-cannot-match',
    says: 'An entry none of whose conditions can match one of its points is a load error.',
    tests: [
      ...conditions('load errors > none of the conditions can match: one that can is enough'),
      ...within('test/host/refusals.test.ts')(
        'a configuration > is refused: gateway.yaml:6:50: none of the conditions can match at http_pre_request',
      ),
    ],
  },
  {
    id: 'H7-optional-attribute-warning',
    says: 'A vetoing entry that is scoped only by an optional attribute is a load warning.',
    tests: [
      ...conditions(
        'a load warning > is due for a vetoing entry that is scoped only by an optional attribute',
      ),
      ...within('test/host/refusals.test.ts')(
        'a configuration > is warned of when a veto depends on what a caller may lack',
      ),
    ],
  },
])
