// Audit sinks out of their sections of the configuration, and who signs what they keep.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createFileSink } from '../../audit/file-sink.ts'
import type { AuditOptions } from '../../audit/options.ts'
import { type AuditSink, createLogSink } from '../../audit/sink.ts'
import { stdoutFile, type WriteOut } from '../../audit/stdout.ts'
import { createStoreSink } from '../../audit/store-sink.ts'
import { createSigner, type Signer } from '../../base/chain.ts'
import type { Clock } from '../../base/clock.ts'
import { AppError, messageOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { type StoreOptions, sqlitePath } from '../../store/options.ts'
import { createAuditTable, isPostgresUrl } from '../../store/sqlite-thread.ts'

interface Parts {
  readonly audit: AuditOptions
  readonly store: StoreOptions
}

/** Standard output, or what it carries so that no record may go there. */
export type Stdout = { readonly write: WriteOut } | { readonly carries: string }

export interface SinkDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly stdout: Stdout
}

interface Signing {
  readonly pem: string
  readonly signer: Signer
}

/** Rejects with CONFIG_INVALID when the key cannot be used or stdout is not free. */
export async function auditSinks(config: Parts, deps: SinkDeps): Promise<AuditSink[]> {
  const { sinks, sign } = config.audit
  const signing = sign && (await signingWith(sign))
  return sinks.map((sink) => createSink(sink, config, deps, signing))
}

async function signingWith(sign: NonNullable<AuditOptions['sign']>): Promise<Signing> {
  try {
    const pem = sign.key ?? (await readFile(sign.key_file ?? '', 'utf8'))
    return { pem, signer: createSigner(pem) }
  } catch (error) {
    throw new AppError('CONFIG_INVALID', `audit.sign: ${messageOf(error)}`)
  }
}

function createSink(
  sink: AuditOptions['sinks'][number],
  { audit, store }: Parts,
  { clock, log, stdout }: SinkDeps,
  signing: Signing | undefined,
): AuditSink {
  const { type, path, max_size, max_age, max_files } = sink
  // of its chain; a short one, it is in every line
  const lines = { clock, log, id: randomBytes(9).toString('base64url'), signer: signing?.signer }
  switch (type) {
    case 'log':
      return createLogSink(log)
    case 'file':
      if (path === undefined)
        throw new AppError('CONFIG_INVALID', 'audit.sinks: a sink of type file has no path')
      return createFileSink({
        ...lines,
        path,
        rotation: { maxSize: max_size, maxAge: max_age, maxFiles: max_files },
      })
    case 'stdout': {
      const file = stdoutFile(writerOf(stdout))
      return createFileSink({ ...lines, path: '', name: 'stdout', open: async () => file })
    }
    case 'store': {
      const { retention } = audit
      const table = { path: storePlace(store), clock, log, key: signing?.pem, retention }
      return createStoreSink({ table: createAuditTable(table), clock, log })
    }
  }
}

/** The path of the file, or the URL as it is: for the sink, and for who reads what it wrote. */
export function storePlace(store: StoreOptions): string {
  return isPostgresUrl(store.url) ? store.url : sqlitePath(store)
}

function writerOf(stdout: Stdout): WriteOut {
  if ('write' in stdout) return stdout.write
  throw new AppError(
    'CONFIG_INVALID',
    `audit.sinks: type: stdout cannot be had here, where stdout carries ${stdout.carries}; use file, store or log`,
  )
}
