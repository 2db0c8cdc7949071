// Reference: the gateway of the tutorials - `express.json`, the global `fetch`, `res.json`.
import express from 'express'
import { announce, type Setting, setting } from './serve.ts'

const { upstream } = setting<Setting>()
const app = express()
app.use(express.json({ limit: '4mb' }))
app.post('/mcp', async (req, res) => {
  const { host: _, connection: __, 'content-length': ___, ...headers } = req.headers
  const reply = await fetch(upstream, {
    method: 'POST',
    headers: headers as Record<string, string>,
    body: JSON.stringify(req.body),
  })
  res.status(reply.status).json(await reply.json())
})
announce(app.listen(0, '127.0.0.1'))
