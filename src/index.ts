// The public API of the package: a gateway for an application of your own, and the types that go with it.
export {
  createGateway,
  type Gateway,
  type GatewayConfig,
  type GatewayOptions,
  type RunningGateway,
  startGateway,
} from './app.ts'
export { AppError, ERRORS, type ErrorCode } from './base/errors.ts'
export type { Logger } from './base/log.ts'
