#!/usr/bin/env node
/**
 * The program `sallyport`, once `npm link` has put it on the PATH. Plain JavaScript: it runs under whatever
 * Node.js is there, and the way in of the npm scripts goes on under the pinned one.
 */
process.argv.splice(2, 0, 'sallyport');
await import('../local/bootstrap.mjs');
