// Reference: nginx with one worker and connections kept alive to the upstream: the physical limit for a proxy on one core.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, has, type Service, start } from '../load/process.ts'
import { temporary } from '../load/temporary.ts'

export const NGINX = has('nginx')

/** Keep-alive as the documentation of ngx_http_upstream_module says: HTTP/1.1 and an empty Connection header. */
const conf = (port: number, upstream: URL, folder: string) => `
daemon off;
pid ${folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 8m;
  client_body_buffer_size 256k;
  proxy_buffers 16 16k;
  upstream mcp {
    server ${upstream.host};
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location /mcp {
      proxy_pass http://mcp${upstream.pathname};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`

export async function startNginx(upstream: string): Promise<Service> {
  const { path: folder, remove } = temporary('nginx')
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, conf(port, new URL(upstream), folder))
  try {
    const service = await start({
      name: 'nginx',
      command: 'nginx',
      args: ['-c', file, '-p', folder, '-e', 'stderr'],
      core: 'subject',
      withChildren: true,
      untilReady: () => untilListening(port),
    })
    return {
      ...service,
      ready: { port },
      async stop() {
        await service.stop()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await sleep(50)
  }
}

export function nginxVersion(): string | undefined {
  if (!NGINX) return undefined
  // it says so on stderr
  const text = execFileSync('sh', ['-c', 'nginx -v 2>&1'], { encoding: 'utf8' })
  return /nginx\/([\d.]+)/.exec(text)?.[1]
}
