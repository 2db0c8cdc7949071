// Section 11 of the contract: what the author of a plugin may rely on.
import { section, within } from '../requirement.ts'

const lifecycle = within('test/host/lifecycle.test.ts')
const verdicts = within('test/engine/verdicts.test.ts')
const everyPoint = within('test/requirements/every-point.test.ts')

export const SHAPES = section('11 Writing a plugin', [
  {
    id: 'H11-flat-patches',
    says: 'A patch names the writable fields flat: `patch({ content })`, `patch({ messages })`, `patch({ contents })`, `patch({ items })`.',
    tests: [
      ...verdicts('patch > names nested fields flat'),
      ...everyPoint(
        'in the %s era > a patch at %s of %s is what the client gets, and nothing else changes',
        'in the %s era > a patch at %s of %s is what the client lists: %s',
      ),
    ],
  },
  {
    id: 'H11-error-patch',
    says: 'At post-points `error` has code, message and data; a patch changes message and data, the code stays.',
    tests: [
      ...verdicts('patch > lays the members of an error over those that stand there'),
      ...everyPoint(
        'in the %s era > a patch at %s of %s changes the error of the server, and nothing else',
      ),
    ],
  },
  {
    id: 'H11-every-writable-field',
    says: 'Every writable field takes effect: what a plugin makes of it is what the other side gets.',
    tests: [
      ...everyPoint(
        'every writable field of every fired point has a row here',
        'in the %s era > a patch at %s of %s is what the server is sent, and nothing else changes',
      ),
      ...everyPoint(
        'in the %s era > a patch at %s of %s is what the client gets, and nothing else changes',
      ),
    ],
  },
  {
    id: 'H11-context',
    says: 'The context names request, trace, era, surface, method, round, origin, principal, client, session, server, generation and the rest.',
    tests: within('test/engine/context.test.ts')(
      'one context per request > hands each plugin what is known of the request',
      'one context per request > what it hands over cannot be changed for others',
    ),
  },
  {
    id: 'H11-stdout',
    says: 'What a plugin writes to stdout and stderr is passed on to the gateway’s stderr, line by line.',
    tests: within('test/host/output.test.ts')('passes what is printed on to stderr, line by line'),
  },
  {
    id: 'H11-relative-paths',
    says: 'A relative path in a configuration is relative to the file that names it.',
    tests: within('test/config/load.test.ts')(
      'a relative path > is relative to the file that names it',
    ),
  },
  {
    id: 'H11-redactor-unmatched',
    says: 'A `redacts` entry whose conditions do not match had its turn; it withholds nothing.',
    tests: within('test/engine/modes.test.ts')(
      'what observers may see > a redactor whose conditions do not match had its turn: nothing is withheld',
    ),
  },
  {
    id: 'H11-one-entry',
    says: 'Built-in plugins use `portcullis/plugin` and nothing else of ours.',
    tests: within('test/architecture.test.ts')(
      'the architecture > has no import, name or size outside the rules',
      'the architecture check > lets a plugin import portcullis/plugin and its own files, nothing else, not even types',
    ),
  },
  {
    id: 'H11-setup-fails',
    says: 'A `setup` that returns false or throws leaves the plugin unregistered, closed and listed with its reason, others unaffected.',
    tests: lifecycle(
      'an entry that cannot be loaded > because its setup %s, is listed with the reason, and the others go on',
    ),
  },
  {
    id: 'H11-close',
    says: '`close` is called once, in reverse order, and no close can hold up the others.',
    tests: lifecycle('closing > goes in reverse, once, and no close can hold up the others'),
  },
  {
    id: 'H11-in-code',
    says: 'Plugins given in code pass the same two gates.',
    tests: lifecycle('a plugin given in code > loads under the same gates and runs like any other'),
  },
  {
    id: 'H11-permissions',
    says: 'What a plugin may do is the intersection of its manifest’s permissions and the configured grants.',
    tests: within('test/host/services.test.ts')(
      'the host of a plugin > reaches hosts that the manifest asks for and the entry grants, and no others',
      'the host of a plugin > reads variables that are asked for and granted, and no others',
    ),
  },
])
