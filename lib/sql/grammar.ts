import { readFile } from 'node:fs/promises';
import { SallyportError } from '#lib/errors.ts';
import { wasmFile } from '#lib/sql/wasm-file.ts';

/**
 * PostgreSQL's own grammar, one per major version: libpg_query compiled to WebAssembly. A newer grammar reads
 * some texts otherwise than the server does, so the major must be the server's.
 */

export type Outcome =
  /** libpg_query's tree of the text: `{ stmts: [{ stmt: { SelectStmt: … } }] }`. */
  | { readonly kind: 'tree'; readonly tree: unknown }
  /** The server would refuse the text as well, in these words. `position`: the character, from 1; 0: none. */
  | { readonly kind: 'syntax'; readonly message: string; readonly position: number }
  /** The parser gave up. Says nothing of the text. */
  | { readonly kind: 'exhausted' };

export const majors = [13, 14, 15, 16, 17, 18] as const;

const factories: Record<(typeof majors)[number], () => Promise<{ default: LibPgQueryFactory }>> = {
  13: () => import('pg13/wasm/libpg-query.js'),
  14: () => import('pg14/wasm/libpg-query.js'),
  15: () => import('pg15/wasm/libpg-query.js'),
  16: () => import('pg16/wasm/libpg-query.js'),
  17: () => import('pg17/wasm/libpg-query.js'),
  18: () => import('pg18/wasm/libpg-query.js'),
};

/** The one in use, and a spare. */
const wantedInstances = 2;

type Maker = () => Promise<LibPgQueryModule>;

async function makerOf(major: (typeof majors)[number]): Promise<Maker> {
  const [{ default: factory }, code] = await Promise.all([
    factories[major](),
    readFile(wasmFile(major)).then(bytes => WebAssembly.compile(bytes)),
  ]);
  return () =>
    factory({
      instantiateWasm: (imports, done) => {
        const instance = new WebAssembly.Instance(code, imports);
        done(instance, code);
        return instance.exports;
      },
    });
}

/**
 * A trap (memory, or the stack used up by deep nesting) leaves an instance in an unknown state, and the memory
 * of one never shrinks. Such an instance is thrown away and a spare takes its place, so that one text cannot
 * disturb the reading of the next.
 */
export class Grammar {
  readonly major: number;
  /** How many instances were thrown away. */
  replaced = 0;
  readonly #make: Maker;
  readonly #instances: LibPgQueryModule[] = [];
  #firstBytes = 0;

  private constructor(major: number, make: Maker) {
    this.major = major;
    this.#make = make;
  }

  static async load(major: (typeof majors)[number]): Promise<Grammar> {
    const grammar = new Grammar(major, await makerOf(major));
    while ((await grammar.#add()) < wantedInstances);
    return grammar;
  }

  /**
   * @param text UTF-8, at most a few MiB, without NUL.
   * @throws SallyportError `tooMany` while the parser is being replaced and there is no other
   */
  parse(text: Uint8Array): Outcome {
    // Up to 17 libpg_query's wrapper takes an empty text for an error.
    if (text.length === 0) return { kind: 'tree', tree: { stmts: [] } };
    const instance = this.#instances[0];
    if (instance === undefined) {
      this.#refill();
      throw new SallyportError('tooMany', 'the parser of SQL is being replaced: try again in a moment');
    }
    let outcome: Outcome;
    try {
      outcome = parseWith(instance, text);
    } catch {
      // What is thrown here was thrown through WebAssembly frames: RuntimeError, RangeError, out of memory.
      this.#replace();
      return { kind: 'exhausted' };
    }
    // One that has only grown serves until there is another.
    if (instance.HEAPU8.length > this.#firstBytes && this.#instances.length > 1) this.#replace();
    return outcome;
  }

  #replace(): void {
    this.#instances.shift();
    this.replaced += 1;
    this.#refill();
  }

  #refilling: Promise<void> | undefined;

  /** Makes what is missing. Where there is no memory for it, each text without an instance tries again. */
  #refill(): void {
    this.#refilling ??= this.#add()
      .catch(() => 0)
      .then(made => {
        this.#refilling = undefined;
        if (made > 0 && this.#instances.length < wantedInstances) this.#refill();
      });
  }

  /** Resolves when replacements under way are made. */
  async settle(): Promise<void> {
    while (this.#refilling !== undefined) await this.#refilling;
  }

  async #add(): Promise<number> {
    const instance = await this.#make();
    this.#firstBytes = instance.HEAPU8.length;
    return this.#instances.push(instance);
  }
}

/** `PgQueryError`: message, function, file (pointers), line, position. */
const cursorPositionAt = 4;

function parseWith(instance: LibPgQueryModule, text: Uint8Array): Outcome {
  const query = instance._malloc(text.length + 1);
  if (query === 0) throw new RangeError('no memory for the text');
  instance.HEAPU8.set(text, query);
  instance.HEAPU8[query + text.length] = 0;
  const result = instance._wasm_parse_query_raw(query);
  instance._free(query);
  if (result === 0) throw new RangeError('no memory for the result');
  const words = instance.HEAPU32;
  const error = words[(result + 8) >> 2] as number;
  let outcome: Outcome;
  if (error !== 0) {
    const at = error >> 2;
    const message = cString(instance, words[at] as number);
    outcome = { kind: 'syntax', message, position: words[at + cursorPositionAt] as number };
  } else {
    outcome = { kind: 'tree', tree: JSON.parse(cString(instance, words[result >> 2] as number)) };
  }
  instance._wasm_free_parse_result(result);
  return outcome;
}

function cString(instance: LibPgQueryModule, start: number): string {
  const heap = instance.HEAPU8;
  const end = heap.indexOf(0, start);
  return Buffer.from(heap.buffer, heap.byteOffset + start, end - start).toString('utf8');
}

const loading = new Map<number, Promise<Grammar>>();
const loaded = new Map<number, Grammar>();

/**
 * The grammar of a major version. To be awaited before texts for such a server are read; later calls are free.
 * @throws SallyportError `unsupported` for a major that is not known
 */
export async function loadGrammar(major: number): Promise<Grammar> {
  const known = majors.find(one => one === major);
  if (known === undefined) throw unknownMajor(major);
  let grammar = loading.get(major);
  if (grammar === undefined) {
    grammar = Grammar.load(known);
    loading.set(major, grammar);
    // A failure (no memory, a missing file) is not to be remembered.
    grammar.then(
      one => loaded.set(major, one),
      () => loading.delete(major),
    );
  }
  return grammar;
}

/**
 * @throws SallyportError `unsupported` for a major that is not known
 * @throws TypeError when `loadGrammar` has not been awaited
 */
export function grammarOf(major: number): Grammar {
  const grammar = loaded.get(major);
  if (grammar !== undefined) return grammar;
  if (!majors.some(one => one === major)) throw unknownMajor(major);
  throw new TypeError(`the grammar of PostgreSQL ${major} has not been loaded`);
}

function unknownMajor(major: number): SallyportError {
  return new SallyportError('unsupported', `PostgreSQL ${major} is not supported`, {
    detail: `Texts are read by the grammar of the server's own version: ${majors[0]} to ${majors.at(-1)}.`,
  });
}
