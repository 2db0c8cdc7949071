// What a plugin author tests with: a harness that runs one plugin through the real engine; it starts no gateway.
export {}
