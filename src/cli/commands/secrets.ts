// `portcullis secrets`: the secrets in the store of a running gateway, sealed anew with its first key; none is shown.
import { AppError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import type { Client } from '../api/client.ts'
import { connect } from '../api/connect.ts'
import { type ApiOptions, withApi } from '../api/options.ts'
import type { AddCommand, Invocation } from '../command.ts'
import { EXIT, type Exit } from '../exit.ts'

export const addSecrets: AddCommand = (program, run) => {
  const secrets = program
    .command('secrets')
    .description('secrets that a running gateway keeps in its store')
  const reseal = secrets
    .command('reseal')
    .description('seal all of them with the first key of store.keys; after that the others can go')
    .action(run(resealSecrets))
  withApi(reseal)
}

/** The gateway ends a request after some time, and goes on where it was at the next. */
const MOST_ROUNDS = 1000

async function resealSecrets({ shell, output, options }: Invocation<ApiOptions>): Promise<Exit> {
  const client = await connect(options, shell, output)
  let entities = 0
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const done = await once(client)
    entities += done.entities
    if (!done.more) {
      const text = `sealed ${entities} ${entities === 1 ? 'entity' : 'entities'} anew; all are sealed with the first key\n`
      output.result({ outcome: 'done', entities }, () => text)
      return EXIT.ok
    }
  }
  throw new AppError('ADMIN_ANSWER', `${client.url}: it is not done after ${MOST_ROUNDS} requests`)
}

async function once(
  client: Client,
): Promise<{ readonly more: boolean; readonly entities: number }> {
  const body = await client.act('/secrets/reseal')
  if (!isObject(body) || typeof body.entities !== 'number')
    throw new AppError('ADMIN_ANSWER', `${client.url}: the answer does not say how far it came`)
  return { more: body.outcome === 'more', entities: body.entities }
}
