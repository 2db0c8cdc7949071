// What the gateway calls itself towards clients, servers and operators.
export const SELF = { name: 'portcullis', version: '0.1.0' } as const
