// Root of Google's Confidential Space certificates, byte for byte; nothing here is checked.
// Source: confidential_space_root.pem as kept in project-oak/oak oak_attestation_gcp/data at
// 578b95116bac0dec45b852788c98d1fe19c168bd, 2026-11-21.
import type { EvidenceRoot } from '../evidence/evidence.ts'

const decoded = (lines: readonly string[]): Uint8Array => Buffer.from(lines.join(''), 'base64')

/** CN=Confidential Space Root CA, until 2034-01-16. SHA-256 148b293821bb0c6a317f413c8ba475814091cb22d49b9e3c94198db8e8f86c39. */
const CONFIDENTIAL_SPACE: Uint8Array = decoded([
  'MIIGCDCCA/CgAwIBAgITYBvRy5g9aYYMh7tJS7pFwafL6jANBgkqhkiG9w0BAQsFADCBizELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAUBgNV',
  'BAcTDU1vdW50YWluIFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxFTATBgNVBAsTDEdvb2dsZSBDbG91ZDEjMCEGA1UEAxMaQ29uZmlkZW50aWFsIFNwYWNlIFJv',
  'b3QgQ0EwHhcNMjQwMTE5MjIxMDUwWhcNMzQwMTE2MjIxMDQ5WjCBizELMAkGA1UEBhMCVVMxEzARBgNVBAgTCkNhbGlmb3JuaWExFjAUBgNVBAcTDU1vdW50YWlu',
  'IFZpZXcxEzARBgNVBAoTCkdvb2dsZSBMTEMxFTATBgNVBAsTDEdvb2dsZSBDbG91ZDEjMCEGA1UEAxMaQ29uZmlkZW50aWFsIFNwYWNlIFJvb3QgQ0EwggIiMA0G',
  'CSqGSIb3DQEBAQUAA4ICDwAwggIKAoICAQCvRuZasczAqhMZe1ODHJ6MFLX8EYVV+RN7xiO9GpuA53izl9Oxgp3NXik3FbYn+7bcIkMMSQpCr6K0jbSQCZT6d5P5',
  'PJT5DpNGYjLHkW67/fl+Bu7eSMb0qRCa1jS+3OhNK7t7SIaHm1XdmSRghjwoglKRuk3CGrF4Zia9RcE/p2MU69GyJZpqHYwTplNr3x4zF+2nJk86GywDP+sGwSPW',
  'fcmqY04VQD7ZPDEZZ/qgzdoL5ilE92eQnAsy+6m6LxBEHHVcFpfDtNVUIt2VMCWLBeOKUQcn5js756xblInqw/QtQRR0An0yfRjBuGvmMjAwETDo5ETY/fc+nbQV',
  'YJzNQTc9EOpFFWPpw/ZjFcN9AmnddxYUETFXPmBYerMez0LKNtGpfKYHHhMMTI3mj0m/V9fCbfh2YbBUnMS2Swd20YSIMi/HiGaqOpGUqXMeQVw7phGTS3QYK8ZM',
  '65sC/QhIQzXdsiLDgFBitVnlIu3lIv6CuiHvXeSJBRlRxQ8Vu+t6J7hBdl0etWBKAu9Vti46af5cjC03dspkHR3MAUGcrLWETkQ0msQAKvIAlwyQRLuQOI5D6pF+',
  '6af1Nbl+vR7sLCbDWdMqm1E9X6KyFKd6e3rnE9O4dkFJp35WvR2gqIAkUoa+Vq1MXLFYG4imanZKH0igrIblbawRCr3Gr24FXQIDAQABo2MwYTAOBgNVHQ8BAf8E',
  'BAMCAQYwDwYDVR0TAQH/BAUwAwEB/zAdBgNVHQ4EFgQUF+fBOE6Th1snpKuvIb6S8/mtPL4wHwYDVR0jBBgwFoAUF+fBOE6Th1snpKuvIb6S8/mtPL4wDQYJKoZI',
  'hvcNAQELBQADggIBAGtCuV5eHxWcffylK9GPumaD6Yjdcs76KDBe3mky5ItBIrEOeZq3z47zM4dbKZHhFuoq4yAaO1MyApnG0w9wIQLBDndIovtkw6j9/64aqPWp',
  'NaoB5MB0SahCUCgI83Dx9SRqGmjPI/MTMfwDLdE5EF9gFmVIoH62YnG2aa/sc6m/8wIK8WtTJazEI16/8GPG4ZUhwT6aR3IGGnEBPMbMd5VZQ0HwVbHBKWK3Uyka',
  'SCxnEg8uaNx/rhNaOWuWtos4qL00dYyGV7ZXg4fpAq7244QUgkWVAtVcU2SPBjDd30OFHASnenDHRzQdOtHaxLp4a4WaY3jb2V6Sn3LfE8zSy6GevxmNCOIWW3xn',
  'PF8rwKz4ABEPqECe37zzu3W1nzZAFtdkhPBNnlWYkIusTMtU+8v6EPKpGIIRphpaDhtGPJQukpENOfk2728lenPycRfjxwA96UKWq0dKZC45MwBEK9Jngn8QcPmp',
  'Pmx7pSMkSxEX2Vos2JNaNmCKJd2VaXz8M6F2cxscRdh9TbAYAjGEEjE1nLUH2YHDS8Y7xYNFIDSFaJAlqGcCUbzjGhrwHGj4voTe9ZvlmngrcA/ptSuBidvsnRDw',
  'kNPLowCd0NqxYYSLNL7GroYCFPxoBpr+++4vsCaXalbs8iJxdU2EPqG4MB4xWKYguyT5CnJulxSC5CT1',
]) // biome-ignore format: as the bytes come

export const GOOGLE_ROOTS: readonly EvidenceRoot[] = [
  { id: 'google-confidential-space', der: CONFIDENTIAL_SPACE },
]
