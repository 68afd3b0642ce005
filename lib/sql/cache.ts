import type { CommandFacts } from '#lib/command.ts';
import { analyze } from '#lib/sql/analyze.ts';
import { isCutSafely } from '#lib/sql/encoding.ts';
import type { ReadingContext, SqlFacts } from '#lib/sql/facts.ts';
import { Scanner } from '#lib/sql/scanner.ts';

export interface SqlReaderLimits {
  /** Bytes of keys and, roughly, facts that are kept. */
  readonly bytes: number;
  readonly entries: number;
  /** Combinations of settings that are told apart; past that many everything is forgotten. */
  readonly settings: number;
}

const defaultLimits: SqlReaderLimits = { bytes: 32 << 20, entries: 50_000, settings: 10_000 };

interface Settings {
  readonly id: number;
  readonly cutSafely: boolean;
}

/** What the settings were when a context was seen last: contexts live long, and their values change. */
interface Seen {
  readonly settings: Settings;
  readonly major: number;
  readonly searchPath: readonly string[] | undefined;
  readonly settingsPending: boolean | undefined;
  readonly portals: boolean;
  readonly standardConformingStrings: boolean | undefined;
  readonly clientEncoding: string | undefined;
}

/** Literals decide: look under the text itself. */
const exact = Symbol('exact');

/**
 * Reads texts, each shape once. Facts that no literal decided are shared by all texts of one shape, so clients
 * of the simple protocol, which put other literals into every statement, are served without parsing. The same
 * facts are the same object, so that decisions can be kept by it.
 *
 * Kept in two generations, which comes close to least recently used and costs one look-up: what is used moves
 * to the young one, and when that is full, the old one is dropped.
 */
export class SqlReader {
  hits = 0;
  misses = 0;
  readonly #limits: SqlReaderLimits;
  readonly #scanner = new Scanner();
  #young = new Map<string, SqlFacts | typeof exact>();
  #old = new Map<string, SqlFacts | typeof exact>();
  #youngBytes = 0;
  #seen = new WeakMap<ReadingContext, Seen>();
  readonly #settings = new Map<string, Settings>();
  #settingsBytes = 0;
  #nextId = 1;

  constructor(limits: Partial<SqlReaderLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  get entries(): number {
    return this.#young.size + this.#old.size;
  }

  /**
   * @param text the exact bytes, without the NUL that ends them on the wire
   * @throws SallyportError `unsupported` for a major version that is not known, `tooMany` while there is no parser
   */
  read(text: Uint8Array, context: ReadingContext): SqlFacts {
    const settings = this.#settingsOf(context);
    const scanner = this.#scanner;
    scanner.scan(text);
    const readAsScanned =
      (context.standardConformingStrings === true || !scanner.plainBackslash) &&
      (settings.cutSafely || !scanner.high);
    if (!scanner.sure || !readAsScanned) return this.#readExactly(text, context, settings);

    const key = keyOf(scanner.bytes, scanner.end, settings.id);
    const found = this.#find(key);
    if (found === exact) return this.#readExactly(text, context, settings);
    if (found !== undefined) {
      this.hits += 1;
      return found;
    }
    const facts = this.#analyze(text, context);
    if (facts.sessionMatters) return facts;
    if (!facts.literalsMatter) {
      this.#keep(key, facts, costOf(facts));
      return facts;
    }
    this.#keep(key, exact, 0);
    const exactKey = exactKeyOf(text, settings.id);
    this.#keep(exactKey, facts, costOf(facts));
    return facts;
  }

  #readExactly(text: Uint8Array, context: ReadingContext, settings: Settings): SqlFacts {
    const key = exactKeyOf(text, settings.id);
    const found = this.#find(key);
    if (found !== undefined && found !== exact) {
      this.hits += 1;
      return found;
    }
    const facts = this.#analyze(text, context);
    if (!facts.sessionMatters) this.#keep(key, facts, costOf(facts));
    return facts;
  }

  #analyze(text: Uint8Array, context: ReadingContext): SqlFacts {
    this.misses += 1;
    return analyze(text, context);
  }

  #find(key: string): SqlFacts | typeof exact | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.#keep(key, old, old === exact ? 0 : costOf(old));
    return old;
  }

  #keep(key: string, value: SqlFacts | typeof exact, cost: number): void {
    const bytes = key.length + cost;
    const { bytes: maxBytes, entries } = this.#limits;
    if (bytes > maxBytes / 4) return;
    if (this.#youngBytes + bytes > maxBytes / 2 || this.#young.size >= entries / 2) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, value);
    this.#youngBytes += bytes;
  }

  #settingsOf(context: ReadingContext): Settings {
    const { major, searchPath, settingsPending, standardConformingStrings, clientEncoding } = context;
    // Whether there are any is enough: facts that depend on what they are are not kept.
    const portals = context.portals !== undefined;
    const seen = this.#seen.get(context);
    if (
      seen !== undefined &&
      seen.major === major &&
      seen.searchPath === searchPath &&
      seen.settingsPending === settingsPending &&
      seen.portals === portals &&
      seen.standardConformingStrings === standardConformingStrings &&
      seen.clientEncoding === clientEncoding
    ) {
      return seen.settings;
    }
    const values = [major, searchPath, settingsPending, portals, standardConformingStrings, clientEncoding];
    const key = JSON.stringify(values.map(value => value ?? null));
    let settings = this.#settings.get(key);
    if (settings === undefined) {
      const { settings: maxSettings, bytes: maxBytes } = this.#limits;
      const full = this.#settings.size >= maxSettings || this.#settingsBytes + key.length > maxBytes / 4;
      if (full) this.#forget();
      settings = { id: this.#nextId, cutSafely: isCutSafely(clientEncoding) };
      this.#nextId = (this.#nextId + 1) & 0xff_ffff;
      this.#settings.set(key, settings);
      this.#settingsBytes += key.length;
    }
    this.#seen.set(context, {
      settings,
      major,
      searchPath,
      settingsPending,
      portals,
      standardConformingStrings,
      clientEncoding,
    });
    return settings;
  }

  /** Ids are used again only after what was kept under them is gone. */
  #forget(): void {
    this.#settings.clear();
    this.#settingsBytes = 0;
    this.#seen = new WeakMap();
    this.#young = new Map();
    this.#old = new Map();
    this.#youngBytes = 0;
  }
}

/** Keys begin with four bytes: what kind of key it is, and the number of the settings. */
const shapeKind = 0;
const exactKind = 1;

function keyOf(bytes: Buffer, end: number, id: number): string {
  bytes[0] = shapeKind;
  bytes[1] = id & 0xff;
  bytes[2] = (id >> 8) & 0xff;
  bytes[3] = id >> 16;
  return bytes.toString('latin1', 0, end);
}

function exactKeyOf(text: Uint8Array, id: number): string {
  const prefix = String.fromCharCode(exactKind, id & 0xff, (id >> 8) & 0xff, id >> 16);
  return prefix + Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1');
}

/** What V8 takes for a name that was put together from parts, and its place in a list. */
const nameBytes = 96;

/** A rough count of the bytes that facts take. What column notation calls may be kept with them (`calling`). */
function costOf({ command, attributes, effects }: SqlFacts): number {
  let bytes = commandCost(command);
  for (const name of attributes) bytes += nameBytes + name.length;
  for (const prepared of effects.prepares) bytes += commandCost(prepared.facts);
  return attributes.length > 0 ? 2 * bytes : bytes;
}

function commandCost({ verb, operations, functions }: CommandFacts): number {
  let bytes = 512 + verb.length;
  for (const { objects } of operations) {
    bytes += 64;
    for (const object of objects) bytes += nameBytes + object.length;
  }
  for (const name of functions) bytes += nameBytes + name.length;
  return bytes;
}
