/** The key that signs the benchmark's tokens. */
export const SECRET = 'a-secret-of-the-benchmark-that-is-long-enough';
