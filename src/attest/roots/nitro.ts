// Root of AWS Nitro Enclaves (G1), byte for byte; nothing here is checked.
// Source: AWS_NitroEnclaves_Root-G1 of aws-nitro-enclaves.amazonaws.com, as kept in evervault/attestation-doc-validation at
// 084ba280db363cba543fc58ce0822df1e0e3fa08, 2026-11-21.
import type { EvidenceRoot } from '../evidence/evidence.ts'

const decoded = (lines: readonly string[]): Uint8Array => Buffer.from(lines.join(''), 'base64')

/** CN=aws.nitro-enclaves, until 2049-10-28. SHA-256 641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b. */
const G1: Uint8Array = decoded([
  'MIICETCCAZagAwIBAgIRAPkxdWgbkK/hHUbMtOTn+FYwCgYIKoZIzj0EAwMwSTELMAkGA1UEBhMCVVMxDzANBgNVBAoMBkFtYXpvbjEMMAoGA1UECwwDQVdT',
  'MRswGQYDVQQDDBJhd3Mubml0cm8tZW5jbGF2ZXMwHhcNMTkxMDI4MTMyODA1WhcNNDkxMDI4MTQyODA1WjBJMQswCQYDVQQGEwJVUzEPMA0GA1UECgwGQW1h',
  'em9uMQwwCgYDVQQLDANBV1MxGzAZBgNVBAMMEmF3cy5uaXRyby1lbmNsYXZlczB2MBAGByqGSM49AgEGBSuBBAAiA2IABPwCVOumCMHzaHDimtqQvkY4MpJz',
  'bolL//Zy2YlES1BR5TSksfbb48C8WBoyt7F2Bw7eEtaaP+ohG2bnUs990d0JX28TcPQXCEPZ3BABIeTPYwEoCWZEh8l5YoQwTcU/9KNCMEAwDwYDVR0TAQH/',
  'BAUwAwEB/zAdBgNVHQ4EFgQUkCW1DdkFR+eWw5b6cp3PmanfS5YwDgYDVR0PAQH/BAQDAgGGMAoGCCqGSM49BAMDA2kAMGYCMQCjfy+Rocm9Xue4YnwWmNJV',
  'A44fA0P5W2OpYow9OYCVRaEevL8uO1XYru5xtMPWrfMCMQCi85sWBbJwKKXdS6BptQFuZbT73o/gBh1qUxl/nNr12UO8Yfwr6wPLb+6NIwLz3/Y=',
]) // biome-ignore format: as the bytes come

export const NITRO_ROOTS: readonly EvidenceRoot[] = [{ id: 'aws-nitro-g1', der: G1 }]
