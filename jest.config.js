/** Jest runs the TypeScript sources as ES modules: types are stripped, nothing is bundled. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  // A cluster of three takes its time to agree: `npm run test:cluster` runs the contract on one.
  testPathIgnorePatterns: process.env.TEST_CLUSTER ? [] : ['redis-cluster'],
  testTimeout: 30_000,
};
