// What others wrote, as it may stand on a terminal: characters that would act on it are shown instead.

const CONTROL = /[\p{Cc}\p{Bidi_Control}]/gu

/** Texts as they are, anything else as JSON; what a server or client sent must not move the cursor of whoever reads it. */
export function plain(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return String(text).replace(
    CONTROL,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
