/** Long enough for a busy machine: a test that takes longer hangs. */
import { jest } from '@jest/globals';

jest.setTimeout(60_000);
