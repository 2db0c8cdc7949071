// The version of the package, as a constant so that --version reads no file; a test compares it with package.json.

export const VERSION = '0.1.0'
