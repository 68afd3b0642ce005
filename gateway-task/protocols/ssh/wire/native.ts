import ssh2Crypto from 'ssh2/lib/protocol/crypto.js';

/**
 * Which half of ssh2's cryptography encrypts here: the one in C++, where it was built for this Node.js, or the one
 * in JavaScript, which costs the processor two to three times as much for each byte. Both do the same.
 */
export const cryptography: 'native' | 'javascript' = ssh2Crypto.bindingAvailable ? 'native' : 'javascript';
