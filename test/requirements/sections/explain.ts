// Section 10 of the contract: what is recorded of a dispatch.
import { section, within } from '../requirement.ts'

const explain = within('test/engine/explain.test.ts')

export const EXPLAIN = section('10 Explain', [
  {
    id: 'H10-each-step',
    says: 'A recorder gets for each step entry, mode, condition outcome, verdict, reason, changed paths, duration and failed-open.',
    tests: explain(
      'for each step > entry, mode, condition outcome, verdict, reason, changed paths, duration, failed-open',
      'for each step > says how long a step took',
    ),
  },
  {
    id: 'H10-each-entry-once',
    says: 'It names every entry of the point exactly once, whatever the end.',
    tests: [
      ...explain('for each step > names every entry of the point exactly once, whatever the end'),
      ...within('test/property/engine.test.ts')(
        'the compiled runner > has a record that names every entry exactly once',
      ),
    ],
  },
  {
    id: 'H10-explain-command',
    says: 'The same record feeds `portcullis explain`.',
    tests: within('test/cli/explain.test.ts')(
      'explain > names every entry of the point in its order, what it did and how it ended',
    ),
  },
  {
    id: 'H10-audit-record',
    says: 'The same record feeds the audit log: passes may be folded into one record per request that names each entry.',
    tests: [
      ...within('test/engine/context.test.ts')(
        'passes > are folded into one record per request that names each entry, when asked for',
      ),
      ...within('test/audit/audit.test.ts')('a record > keeps the entries that passed, folded in'),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has every verdict that counts, with its entry, mode and request',
      ),
      ...within('test/requirements/audit.test.ts')(
        'the audit > has one record of the request that names, point by point, each entry that passed',
      ),
    ],
  },
  {
    id: 'H10-nobody-asks',
    says: 'A recorder that nobody attached changes nothing of the outcome.',
    tests: explain('a recorder > that nobody attached changes nothing of the outcome'),
  },
  {
    id: 'H10-spans',
    says: 'The same record feeds spans and the console.',
    later: 'spans and the console',
  },
])
