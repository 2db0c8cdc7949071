// A certificate for localhost, made with openssl and signed by itself, for as long as a story takes.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function makeCertificate(): { readonly certificate: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'))
  try {
    const files = ['-keyout', 'key.pem', '-out', 'certificate.pem']
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    execFileSync('openssl', ['req', ...kind, '-days', '1', ...name, ...files], {
      cwd: folder,
      stdio: 'pipe',
    })
    const read = (file: string) => readFileSync(join(folder, file), 'utf8')
    return { certificate: read('certificate.pem'), key: read('key.pem') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
