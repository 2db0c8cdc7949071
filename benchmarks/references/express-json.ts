// Reference: Express with `express.json`, undici's Pool and `res.json`: what a careful team writes first; every message is parsed and made again.
import express from 'express'
import { Pool } from 'undici'
import { announce, type Setting, setting } from './serve.ts'

const { origin, pathname: path } = new URL(setting<Setting>().upstream)
const pool = new Pool(origin, { connections: 256 })
const app = express()
app.use(express.json({ limit: '4mb' }))
app.post('/mcp', async (req, res) => {
  const reply = await pool.request({
    method: 'POST',
    path,
    headers: forwarded(req.headers as Record<string, string>),
    body: JSON.stringify(req.body),
  })
  res.status(reply.statusCode).json(await reply.body.json())
})
announce(app.listen(0, '127.0.0.1'))

function forwarded(headers: Record<string, string>): Record<string, string> {
  const { host: _, connection: __, 'content-length': ___, ...rest } = headers
  return rest
}
