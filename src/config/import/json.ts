// Makes JSON with comments, tabs and trailing commas readable as YAML without moving a single character; it parses nothing.

/** The same text with comments and tabs outside strings replaced by spaces, so that places stay true. */
export function plainJson(text: string): string {
  return text.replace(TOKEN, (token) =>
    token.startsWith('"') ? token : token.replace(/[^\n\r]/g, ' '),
  )
}

// a string, a line comment, a block comment, a tab; the string comes first so that what is in it is left alone
const TOKEN = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/|\t/g

export function isJson(text: string, filename: string): boolean {
  return /\.jsonc?$/i.test(filename) || /^\s*(?:\/[/*]|[{[])/.test(text)
}
