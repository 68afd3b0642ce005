/** Of every test: long enough for a busy machine, and the same random cases in each run. */
import { jest } from '@jest/globals';
import fc from 'fast-check';

// A test that takes longer hangs.
jest.setTimeout(60_000);
// Another seed, as a number: SALLYPORT_SEED.
fc.configureGlobal({ seed: Number(process.env['SALLYPORT_SEED'] ?? 20_260_101) });
