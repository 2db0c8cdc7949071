// What the verification of the audit found, for people: each place, and how far signatures reach.
import type { ChainReport, Verdict } from '../audit/verify.ts'
import { columns, type Style } from './style.ts'

const MOST_CHAINS = 20

export function verdictText(verdict: Verdict, checked: boolean, style: Style): string {
  const { whole, records, chains, problems, found, torn } = verdict
  const head = `${whole ? style.good('whole') : style.bad('broken')}: ${count(records, 'record')} in ${count(chains.length, 'chain')}`
  const places = problems.map(({ at, kind, what }) => [style.strong(at), style.bad(kind), what])
  const more = found - problems.length
  return [
    found === 0 ? `${head}\n` : `${head}, ${count(found, 'problem')}\n`,
    columns(places, '  '),
    more > 0 ? `  and ${more} more\n` : '',
    torn === undefined
      ? ''
      : `  ${torn} was being written when its process ended; that is no edit\n`,
    columns(
      chains.slice(-MOST_CHAINS).map((chain) => row(chain, checked, verdict.checkpoints)),
      '  ',
    ),
  ].join('')
}

function row(chain: ChainReport, checked: boolean, checkpoints: number): string[] {
  const { chain: id, from, to, firstAt, lastAt, signed } = chain
  const coverage = checked
    ? signed === 0
      ? 'not signed'
      : `signed up to ${signed}`
    : checkpoints > 0
      ? 'signatures not checked; give --key'
      : 'not signed'
  return [`chain ${id}`, `records ${from} to ${to}`, `${firstAt} to ${lastAt}`, coverage]
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`
}
