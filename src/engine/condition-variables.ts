// What a `when` sees of a request, with the default of its type for what the request lacks; it evaluates nothing.
import type { Era, RequestContext, ServerInfo } from './context.ts'

const NO_SERVER: ServerInfo = Object.freeze({
  name: '',
  tags: Object.freeze([]),
  environment: '',
  tenant: '',
})
const NO_CLIENT = Object.freeze({ name: '', version: '' })

/**
 * The variables an expression sees; what a request lacks has a typed default, never an error. Getters, since an expression
 * names one or two of them: filling in all thirteen cost more than a short expression itself.
 */
export function conditionVariables(
  point: string,
  payload: object,
  request: RequestContext,
): Readonly<Record<string, unknown>> {
  return new Variables(point, payload, request) as unknown as Record<string, unknown>
}

class Variables {
  readonly point: string
  readonly payload: object
  readonly #request: RequestContext

  constructor(point: string, payload: object, request: RequestContext) {
    this.point = point
    this.payload = payload
    this.#request = request
  }

  get principal(): unknown {
    const { principal } = this.#request.identity
    return principal.tenant === undefined ? { ...principal, tenant: '' } : principal
  }
  get client(): unknown {
    return this.#request.identity.client ?? NO_CLIENT
  }
  get server(): unknown {
    const info = this.#request.server ?? NO_SERVER
    if (info.environment !== undefined && info.tenant !== undefined) return info
    return { ...info, environment: info.environment ?? '', tenant: info.tenant ?? '' }
  }
  get session(): string {
    return this.#request.identity.session ?? ''
  }
  get virtualServer(): string {
    return this.#request.identity.virtualServer ?? ''
  }
  get method(): string {
    return this.#request.identity.method
  }
  get era(): Era {
    return this.#request.identity.era
  }
  get surface(): string {
    return this.#request.identity.surface
  }
  get origin(): string {
    return this.#request.origin
  }
  get round(): number {
    return this.#request.round
  }
  get labels(): readonly string[] {
    return [...this.#request.labels]
  }
  get dryRun(): boolean {
    return this.#request.identity.dryRun === true
  }
}
