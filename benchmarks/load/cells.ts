// Cells of the hook runner on request, in a process of its own, so that two revisions can be measured in turns.
import { openSynchronous } from '../cases/hook-runner.ts'
import { Work } from '../harness.ts'

const about = await openSynchronous()
const work = new Work(about)
const variants = about.variants.filter((variant) => 'run' in variant)
for (const variant of variants) await work.prepare(variant, false, { rounds: 1, cell: 20 })
process.on('message', async (name: string) => {
  const variant = variants.find((candidate) => candidate.name === name)
  if (variant) process.send?.(await work.sample(variant))
  else process.exit(1)
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
