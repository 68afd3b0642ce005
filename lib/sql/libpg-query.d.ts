/** What is used of WebAssembly; neither the types of ES2024 nor those of Node.js have it. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, unknown>>;
  type Exports = Record<string, unknown>;
  class Module {}
  class Instance {
    constructor(module: Module, imports: Imports);
    readonly exports: Exports;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}

/** The emscripten module inside each libpg-query package: what it exports, and what of it is used here. */
interface LibPgQueryModule {
  /** Memory of the instance; a new array after it grew. */
  readonly HEAPU8: Uint8Array;
  readonly HEAPU32: Uint32Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  /** Takes a C string; gives `struct { char *tree; char *stderr; struct { char *message; … } *error; } *`. */
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
}

interface LibPgQueryOptions {
  instantiateWasm(
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance, module: WebAssembly.Module) => WebAssembly.Exports,
  ): WebAssembly.Exports;
}

type LibPgQueryFactory = (options: LibPgQueryOptions) => Promise<LibPgQueryModule>;

declare module 'pg13/wasm/libpg-query.js' {
  const factory: LibPgQueryFactory;
  export default factory;
}
declare module 'pg14/wasm/libpg-query.js' {
  const factory: LibPgQueryFactory;
  export default factory;
}
declare module 'pg15/wasm/libpg-query.js' {
  const factory: LibPgQueryFactory;
  export default factory;
}
declare module 'pg16/wasm/libpg-query.js' {
  const factory: LibPgQueryFactory;
  export default factory;
}
declare module 'pg17/wasm/libpg-query.js' {
  const factory: LibPgQueryFactory;
  export default factory;
}
declare module 'pg18/wasm/libpg-query.js' {
  const factory: LibPgQueryFactory;
  export default factory;
}
