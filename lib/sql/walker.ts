import type { CommandFacts } from '#lib/command.ts';
import {
  builtinEffect,
  extensionEffect,
  type FunctionEffect,
  isBuiltinOperator,
  isNotedAttribute,
} from '#lib/sql/builtins.ts';
import { type Action, Collector } from '#lib/sql/collector.ts';
import type { ReadingContext } from '#lib/sql/facts.ts';
import {
  catalogFirst,
  places,
  qualifiedName,
  quoteName,
  relationNames,
  type SearchPath,
} from '#lib/sql/names.ts';
import { applySetting } from '#lib/sql/session-settings.ts';
import {
  type Fields,
  fields,
  fieldType,
  isFields,
  type Json,
  list,
  literalString,
  nameParts,
  tagged,
  text,
} from '#lib/sql/tree.ts';

/** What a node means depends on what it stands in. */
export interface Scope {
  /** Names of common table expressions in sight: no objects. */
  readonly ctes: CteNames | undefined;
  /** What is done to a table that is named here. */
  readonly actions: readonly Action[];
}

/** Names of one WITH, and of those around it. */
export interface CteNames {
  readonly names: ReadonlySet<string>;
  readonly outer: CteNames | undefined;
}

export function inSight(ctes: CteNames | undefined, name: string): boolean {
  for (let one = ctes; one !== undefined; one = one.outer) if (one.names.has(name)) return true;
  return false;
}

/** Where a statement begins. */
export const topScope: Scope = { ctes: undefined, actions: ['select'] };

/** What a type of node says. A reader deals with all fields of its node. */
export type NodeReader = (walker: Walker, body: Fields, scope: Scope) => void;

export interface Vocabulary {
  readonly readers: Readonly<Record<string, NodeReader>>;
  /** Types that say nothing by themselves: only what is in them counts. */
  readonly plain: ReadonlySet<string>;
}

/** Deeper trees are not read: more than people or programs write, less than the stack holds. */
export const maxTreeDepth = 1000;

export class TooDeep extends Error {}

/**
 * Walks a tree and tells the collector what it would do. It goes into every field of every node; a node that
 * is not in the vocabulary makes the text unknown. So what a new grammar adds is refused
 * until somebody says what it does.
 */
export class Walker {
  readonly major: number;
  collector: Collector;
  readonly vocabulary: Vocabulary;
  readonly context: ReadingContext;
  /** As it stands before the statement that is being read: an earlier one in the text may have set it. */
  searchPath: SearchPath;
  /** What the statement makes of it, if it changes settings. */
  nextSearchPath: SearchPath;
  /** What this text prepared (undefined: deallocated), and for which path. */
  readonly prepared = new Map<string, { facts: CommandFacts; searchPath: SearchPath } | undefined>();
  /** Whether what this text declared as a cursor may change settings, or run code that is not known. */
  readonly cursors = new Map<string, boolean>();
  /** This text deallocated everything that was there before it. */
  forgotten = false;
  #depth = 0;

  constructor(vocabulary: Vocabulary, context: ReadingContext, collector: Collector) {
    this.vocabulary = vocabulary;
    this.context = context;
    this.collector = collector;
    this.major = context.major;
    this.searchPath = context.searchPath;
  }

  /**
   * A statement of the text: names in it are looked up before it runs, in those behind it by what it leaves.
   * @throws TooDeep
   */
  statement(node: Json | undefined): void {
    const earlier = this.collector.settings;
    this.collector.settings = false;
    this.nextSearchPath = undefined;
    this.walk(node, topScope);
    if (this.collector.settings) this.searchPath = this.nextSearchPath;
    this.collector.settings ||= earlier;
  }

  /** Walks with a collector of its own, which is given back. */
  apart(walk: () => void): Collector {
    const outer = this.collector;
    const inner = new Collector(outer);
    this.collector = inner;
    walk();
    this.collector = outer;
    outer.literalsMatter ||= inner.literalsMatter;
    outer.sessionMatters ||= inner.sessionMatters;
    outer.namesMatter ||= inner.namesMatter;
    for (const name of inner.attributes) outer.attribute(name);
    return inner;
  }

  /** @throws TooDeep */
  walk(value: Json | undefined, scope: Scope): void {
    if (Array.isArray(value)) {
      for (const item of list(value)) this.walk(item, scope);
      return;
    }
    if (!isFields(value)) return;
    const node = tagged(value);
    if (node !== undefined) this.node(node.type, node.body, scope);
    // An empty place in a list (DISTINCT without ON) is `{}`.
    else if (Object.keys(value).length > 0) this.collector.unknown();
  }

  /** @throws TooDeep */
  node(type: string, body: Fields, scope: Scope): void {
    this.#depth += 1;
    if (this.#depth > maxTreeDepth) throw new TooDeep();
    const { readers, plain } = this.vocabulary;
    const reader = Object.hasOwn(readers, type) ? readers[type] : undefined;
    if (reader !== undefined) reader(this, body, scope);
    else if (plain.has(type)) this.fields(type, body, scope);
    else this.collector.unknown();
    this.#depth -= 1;
  }

  /** Goes into all fields of a node but those named, which its reader has dealt with. */
  fields(type: string, body: Fields, scope: Scope, except: readonly string[] = []): void {
    for (const [field, value] of Object.entries(body)) {
      if (typeof value !== 'object' || value === null || except.includes(field)) continue;
      if (Array.isArray(value) || tagged(value) !== undefined) {
        this.walk(value, scope);
        continue;
      }
      const bare = fieldType(type, field);
      if (bare !== undefined) this.node(bare, value as Fields, scope);
      else if (Object.keys(value).length > 0) this.collector.unknown();
    }
  }

  /** The names that a RangeVar may stand for. Which of them, if the path is not known, nobody can say. */
  relation(body: Fields): readonly string[] {
    const name = text(body['relname']);
    const schema = text(body['schemaname']);
    if (schema !== '') return [qualifiedName(schema, name)];
    if (body['relpersistence'] === 't') return [`pg_temp.${quoteName(name)}`];
    return this.resolved(relationNames(name, this.searchPath));
  }

  /** The names that a possibly qualified name may stand for. */
  object(parts: readonly string[]): readonly string[] {
    const [schema, name] = parts.slice(-2);
    if (schema === undefined) return [];
    if (name !== undefined) return [qualifiedName(schema, name)];
    return this.resolved(relationNames(schema, this.searchPath));
  }

  resolved(names: readonly string[]): readonly string[] {
    if (this.searchPath === undefined) this.collector.unknown();
    this.collector.lookAt(this.searchPath?.length ?? 1);
    return names;
  }

  /** A name of a function or operator, when it can only be PostgreSQL's own; else undefined. */
  builtinName(parts: readonly string[]): string | undefined {
    const [schema, name] = parts.length === 1 ? [undefined, parts[0]] : parts.slice(-2);
    if (schema === undefined) return catalogFirst(this.searchPath) ? name : undefined;
    return schema === 'pg_catalog' ? name : undefined;
  }

  /**
   * Code of somebody's that is called by name.
   * @param quote operators are not quoted
   */
  calls(parts: readonly string[], quote: (name: string) => string = quoteName): void {
    const name = quote(parts.at(-1) as string);
    const schemas =
      parts.length > 1 ? [quoteName(parts.at(-2) as string)] : this.resolved(places(this.searchPath));
    this.collector.call(schemas.map(schema => `${schema}.${name}`));
  }

  operator(value: Json | undefined): void {
    const parts = nameParts(value);
    if (parts !== undefined) this.operatorNamed(parts);
  }

  /** @param parts also of those that a construct takes by name, without writing them: `=` in JOIN … USING */
  operatorNamed(parts: readonly string[]): void {
    const builtin = this.builtinName(parts);
    if (builtin !== undefined && isBuiltinOperator(builtin)) return;
    this.collector.function(parts.join('.'));
    this.calls(parts, name => name);
  }

  /** @param args of the call, for those whose literal arguments decide */
  function(value: Json | undefined, args: readonly Json[]): void {
    const parts = nameParts(value);
    if (parts === undefined) {
      this.collector.unknown();
      return;
    }
    this.#called(parts, args);
  }

  /**
   * A name in column notation (`row.f`), which calls a function f where there is no such column. It is one of
   * PostgreSQL's own by its name alone where nobody calls a column so.
   */
  attribute(name: string): void {
    const effect = builtinEffect(name, this.major);
    if (effect !== undefined && effect !== 'none') {
      this.#called([name], []);
      return;
    }
    const noted = effect === 'none' && isNotedAttribute(name);
    if (noted) this.collector.function(quoteName(name));
    if (!noted || this.builtinName([name]) === undefined) this.collector.attribute(name);
  }

  #called(parts: readonly string[], args: readonly Json[]): void {
    this.collector.function(parts.map(quoteName).join('.'));
    const builtin = this.builtinName(parts);
    const effect = builtin === undefined ? undefined : builtinEffect(builtin, this.major);
    if (effect === undefined) {
      const known = extensionEffect(parts.at(-1) as string);
      if (known !== undefined) this.#effect(known, parts.at(-1) as string, args);
      this.calls(parts);
    } else this.#effect(effect, builtin as string, args);
  }

  #effect(effect: FunctionEffect, name: string, args: readonly Json[]): void {
    if (effect === 'none') return;
    if (effect === 'text') {
      this.collector.unknown();
    } else if (effect === 'settings') {
      const [setting, value] = args;
      const literal = literalString(setting);
      this.collector.literalsMatter = true;
      if (literal === undefined) {
        this.collector.add('set');
        this.collector.unknown();
      } else applySetting(this.collector, literal, literalString(value));
    } else this.collector.add(effect, [`pg_catalog.${name}`]);
  }
}

/**
 * The scope under a WITH. Each query sees those before it, with RECURSIVE all of them; a table of the same
 * name is out of sight, unless it is written with its schema.
 */
export function withScope(walker: Walker, clause: Fields, scope: Scope): Scope {
  const ctes = list(clause['ctes']).map(cte => fields(tagged(cte)?.body));
  const recursive = clause['recursive'] === true;
  const names = new Set(recursive ? ctes.map(cte => text(cte['ctename'])) : []);
  const inner = { ...scope, ctes: { names, outer: scope.ctes } };
  for (const cte of ctes) {
    // What is walked below looks at the set before the next name joins it.
    walker.fields('CommonTableExpr', cte, inner);
    names.add(text(cte['ctename']));
  }
  return inner;
}
