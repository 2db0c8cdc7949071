// What a gateway with a control plane loads, in one module, so that one without it loads none of it.
export { type Control, openControl } from './control.ts'
export { createApiAuthorizer, createDecide } from './decide.ts'
export { createExceeds } from './exceeds.ts'
export { createApiDoor } from './keys.ts'
