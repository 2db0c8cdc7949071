// Why a file cannot be read, in words for the person who named it; without its name, which whoever asks adds.
import { messageOf } from './errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ELOOP: 'too many symbolic links',
}

export function whyUnreadable(error: unknown): string {
  const code = String((error as { code?: unknown }).code ?? '')
  return REASONS[code] ?? messageOf(error)
}
