// Property tests look at the same cases on every machine and day. PORTCULLIS_TEST_SEED=random (or a number) looks at others.
import fc from 'fast-check'

const wish = process.env.PORTCULLIS_TEST_SEED
const seed = wish === 'random' ? Date.now() | 0 : Number(wish ?? 20261121)
if (!Number.isInteger(seed)) throw new Error('PORTCULLIS_TEST_SEED: a whole number or "random"')

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed })
