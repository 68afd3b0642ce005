import type { Action } from '#lib/sql/collector.ts';
import { mergeNarrows, narrows } from '#lib/sql/narrowing.ts';
import {
  type Fields,
  fields,
  isFields,
  type Json,
  list,
  nodeOf,
  stringOf,
  tagged,
  text,
} from '#lib/sql/tree.ts';
import { verbOf } from '#lib/sql/verbs.ts';
import { type NodeReader, type Scope, type Walker, withScope } from '#lib/sql/walker.ts';

/** Statements that read and write rows, and those that carry them. */

function scopeOf(walker: Walker, body: Fields, scope: Scope, actions: readonly Action[]): Scope {
  const clause = body['withClause'];
  return { ...(isFields(clause) ? withScope(walker, clause, scope) : scope), actions };
}

/** A rule on it makes set_config of an UPDATE, for whatever settings it meets. */
const settingsView = /(?:^|\.)pg_settings$/;

/** The table that INSERT, UPDATE, DELETE or MERGE changes: always a table, never a name of a WITH. */
function target(walker: Walker, body: Fields, actions: readonly Action[]): void {
  const names = walker.relation(fields(body['relation']));
  for (const action of actions) walker.collector.add(action, names);
  if (actions.includes('update') && names.some(name => settingsView.test(name))) {
    walker.collector.add('set');
    walker.collector.unknown();
  }
  // RETURNING gives out rows. It is a list up to 17, and a clause since.
  const returns = list(body['returningList']).length > 0 || isFields(body['returningClause']);
  if (returns) walker.collector.add('select', names);
}

export const queryReaders: Readonly<Record<string, NodeReader>> = {
  SelectStmt(walker, body, scope) {
    const inner = scopeOf(walker, body, scope, ['select']);
    // FOR UPDATE and its like lock rows, whichever tables OF narrows them to.
    const locks = list(body['lockingClause']).length > 0;
    walker.walk(body['fromClause'], { ...inner, actions: locks ? ['select', 'lock'] : ['select'] });
    walker.fields('SelectStmt', body, inner, ['withClause', 'fromClause', 'lockingClause']);
  },

  /** A subquery in FROM is locked with the query that it stands in. */
  RangeSubselect(walker, body, scope) {
    const query = nodeOf(body['subquery'], 'SelectStmt');
    if (query !== undefined && scope.actions.includes('lock')) {
      const locked = { ...query, lockingClause: [...list(query['lockingClause']), {}] };
      walker.node('SelectStmt', locked, scope);
      walker.fields('RangeSubselect', body, scope, ['subquery']);
    } else walker.fields('RangeSubselect', body, scope);
  },

  InsertStmt(walker, body, scope) {
    const conflict = fields(body['onConflictClause']);
    const updates = conflict['action'] === 'ONCONFLICT_UPDATE';
    target(walker, body, updates ? ['insert', 'update'] : ['insert']);
    // A query may give every row that there is.
    const query = nodeOf(body['selectStmt'], 'SelectStmt');
    const givesAny = query !== undefined && list(query['valuesLists']).length === 0;
    if (updates && givesAny && !narrows(conflict['whereClause'])) walker.collector.noWhere = true;
    walker.fields('InsertStmt', body, scopeOf(walker, body, scope, ['select']), ['withClause', 'relation']);
  },

  UpdateStmt(walker, body, scope) {
    target(walker, body, ['update']);
    if (!narrows(body['whereClause'])) walker.collector.noWhere = true;
    walker.fields('UpdateStmt', body, scopeOf(walker, body, scope, ['select']), ['withClause', 'relation']);
  },

  DeleteStmt(walker, body, scope) {
    target(walker, body, ['delete']);
    if (!narrows(body['whereClause'])) walker.collector.noWhere = true;
    walker.fields('DeleteStmt', body, scopeOf(walker, body, scope, ['select']), ['withClause', 'relation']);
  },

  MergeStmt(walker, body, scope) {
    const arms = list(body['mergeWhenClauses']).map(arm =>
      text(nodeOf(arm, 'MergeWhenClause')?.['commandType']),
    );
    const actions: Action[] = [];
    if (arms.includes('CMD_INSERT')) actions.push('insert');
    if (arms.includes('CMD_UPDATE')) actions.push('update');
    if (arms.includes('CMD_DELETE')) actions.push('delete');
    target(walker, body, actions.length > 0 ? actions : ['select']);
    if (!mergeNarrows(body)) walker.collector.noWhere = true;
    walker.fields('MergeStmt', body, scopeOf(walker, body, scope, ['select']), ['withClause', 'relation']);
  },

  /** COPY: a file or a program is the server's; without either the client sends or gets the data. */
  CopyStmt(walker, body, scope) {
    const from = body['is_from'] === true;
    const place = body['filename'];
    if (typeof place === 'string') {
      walker.collector.add(body['is_program'] === true ? 'copy-program' : 'server-file', [place]);
      walker.collector.literalsMatter = true;
    } else if (from) {
      walker.collector.copiesIn = true;
    }
    walker.fields('CopyStmt', body, { ...scope, actions: [from ? 'insert' : 'select'] });
  },

  CreateTableAsStmt(walker, body, scope) {
    walker.fields('CreateTableAsStmt', body, scope);
  },

  ViewStmt(walker, body, scope) {
    walker.fields('ViewStmt', body, { ...scope, actions: ['ddl'] });
  },

  /** It runs when rows are fetched from it, or, WITH HOLD, when the transaction is committed. */
  DeclareCursorStmt(walker, body, scope) {
    const { collector } = walker;
    const before = collector.settings;
    collector.settings = false;
    walker.fields('DeclareCursorStmt', body, scope);
    walker.cursors.set(text(body['portalname']), collector.settings);
    collector.settings ||= before;
    collector.renames = true;
  },

  /**
   * EXPLAIN ANALYZE runs its statement and is judged as it. Without ANALYZE the planner only looks at the
   * tables, so it is judged as reading all of them; functions stand, since the planner runs some. The arguments
   * of an EXECUTE are evaluated all the same.
   */
  ExplainStmt(walker, body, scope) {
    if (runs(walker, list(body['options']))) {
      walker.walk(body['query'], scope);
      return;
    }
    walker.walk(argumentsIn(body['query']), scope);
    const planned = walker.apart(() => walker.walk(body['query'], scope)).command();
    const looks = new Set(
      ['insert', 'update', 'delete', 'ddl', 'lock', 'maintenance'].map(one => `postgres:${one}`),
    );
    const operations = planned.operations.map(one =>
      looks.has(one.action) ? { ...one, action: 'postgres:select' } : one,
    );
    const { opaque, unknownCode, ddl } = planned.risk;
    const risk = { ...planned.risk, writes: false, noWhere: opaque, ddl: opaque && ddl, unknownCode };
    walker.collector.merge({ ...planned, operations, risk });
  },

  /** Decided when it is prepared, as what it prepares. */
  PrepareStmt(walker, body, scope) {
    const name = text(body['name']);
    const inner = walker.apart(() => walker.walk(body['query'], scope));
    inner.statements = 1;
    inner.verb(verbOf(body['query']));
    const facts = inner.command();
    walker.collector.merge(facts);
    walker.collector.prepares.push({ name, facts });
    walker.collector.renames = true;
    walker.prepared.set(name, { facts, searchPath: walker.searchPath });
    walker.fields('PrepareStmt', body, scope, ['query']);
  },

  ExecuteStmt(walker, body, scope) {
    const { collector } = walker;
    // The arguments are evaluated before the names in the statement are looked up.
    const before = collector.settings;
    collector.settings = false;
    walker.fields('ExecuteStmt', body, scope);
    const facts = collector.settings ? undefined : executed(walker, text(body['name']));
    collector.settings ||= before;
    collector.namesMatter = true;
    if (facts === undefined) collector.unknown();
    else collector.runs(facts);
    if (collector.renames) walker.cursors.clear();
  },

  DeallocateStmt(walker, body) {
    const name = typeof body['name'] === 'string' ? body['name'] : undefined;
    walker.collector.add('set');
    walker.collector.renames = true;
    walker.collector.deallocates.push(name);
    if (name === undefined) forget(walker);
    else walker.prepared.set(name, undefined);
  },
};

export function forget(walker: Walker): void {
  walker.prepared.clear();
  walker.forgotten = true;
}

/** The facts of a prepared statement. The server looks its names up again when the path has changed. */
function executed(walker: Walker, name: string) {
  if (walker.prepared.has(name)) {
    const here = walker.prepared.get(name);
    return here?.searchPath === walker.searchPath ? here?.facts : undefined;
  }
  walker.collector.sessionMatters = true;
  if (walker.forgotten || walker.searchPath !== walker.context.searchPath) return undefined;
  return walker.context.prepared(name);
}

/** The arguments of the EXECUTE that EXPLAIN is given, by itself or in a CREATE TABLE AS. */
function argumentsIn(query: Json | undefined): Json | undefined {
  const inner = nodeOf(query, 'CreateTableAsStmt')?.['query'] ?? query;
  return nodeOf(inner, 'ExecuteStmt')?.['params'];
}

/** Whether EXPLAIN has ANALYZE, and it is not plainly off. The last of several decides; here any does. */
function runs(walker: Walker, options: readonly Json[]): boolean {
  let on = false;
  for (const option of options) {
    const element = fields(tagged(option)?.body);
    if (text(element['defname']).toLowerCase() !== 'analyze') continue;
    if (element['arg'] !== undefined) walker.collector.literalsMatter = true;
    on ||= !isOff(element['arg']);
  }
  return on;
}

function isOff(value: Json | undefined): boolean {
  if (value === undefined) return false;
  const integer = nodeOf(value, 'Integer');
  if (integer !== undefined) return (integer['ival'] ?? 0) === 0;
  return ['false', 'off'].includes((stringOf(value) ?? '').toLowerCase());
}
