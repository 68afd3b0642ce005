/** Not ssh2's public interface: the version is pinned, and `native.ts` is the only file that knows of it. */
declare module 'ssh2/lib/protocol/crypto.js' {
  const crypto: {
    /** Whether the part in C++ could be loaded. */
    readonly bindingAvailable: boolean;
  };
  export default crypto;
}
