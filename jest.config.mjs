const swc = [
  '@swc/jest',
  {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
    module: { type: 'es6' },
    sourceMaps: 'inline',
  },
];
const base = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
  setupFilesAfterEnv: ['<rootDir>/test/harness/every-test.ts'],
};

/**
 * Two suites by what they need: `unit` runs anywhere in seconds; `integration` starts real servers and runs
 * stock clients. `npm run test:long` runs both with SALLYPORT_LONG=1, which lengthens what is random.
 */
export default {
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    {
      ...base,
      displayName: 'integration',
      testMatch: ['<rootDir>/test/{contract,integration,fault,end-to-end}/**/*.test.ts'],
    },
  ],
};
