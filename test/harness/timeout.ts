/** Real servers on a busy machine: a test that takes longer than this hangs. */
import { jest } from '@jest/globals';

jest.setTimeout(60_000);
