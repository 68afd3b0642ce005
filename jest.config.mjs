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
};

/**
 * Three suites by what they need: `unit` runs anywhere in seconds; `integration` starts real servers and
 * runs stock clients; `long` is the whole of what `integration` runs in a short, seeded form.
 */
export default {
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.test.ts'] },
    {
      ...base,
      displayName: 'integration',
      globalSetup: '<rootDir>/test/harness/setup.ts',
      globalTeardown: '<rootDir>/test/harness/teardown.ts',
      setupFilesAfterEnv: ['<rootDir>/test/harness/timeout.ts'],
      testMatch: ['<rootDir>/test/{contract,integration,fault,end-to-end}/**/*.test.ts'],
    },
  ],
};
