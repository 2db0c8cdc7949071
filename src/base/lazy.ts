// A member of an object that is made when it is first read, and is a plain value from then on; it does not know what makes it.

/** Enumerable and in its place, like any other; whoever lists descriptors without reading sees a getter until then. */
export function lazyMember(object: object, name: string, make: () => unknown): void {
  Object.defineProperty(object, name, {
    enumerable: true,
    configurable: true,
    get() {
      const value = make()
      Object.defineProperty(object, name, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      })
      return value
    },
  })
}
