import { type Fields, isFields, type Json, list, nodeOf, tagged, text } from '#lib/sql/tree.ts';

/**
 * Whether a WHERE can narrow what a statement touches. A condition that names no column is true for all rows
 * or for none (`true`, `1 = 1`, `now() > '2000-01-01'`, `$1`), and a column compared with itself is true for
 * nearly all. No value of a literal decides anything here.
 *
 * Known limits: a condition over columns that happens to hold for every row (`id > 0`, `id IS NOT NULL`)
 * narrows, since only the data knows; so does any column in a subquery, whether or not it is the target's.
 */
export function narrows(condition: Json | undefined): boolean {
  const node = tagged(condition);
  if (node === undefined) return false;
  const { type, body } = node;
  if (type === 'BoolExpr') {
    const parts = list(body['args']);
    return body['boolop'] === 'OR_EXPR' ? parts.every(narrows) : parts.some(narrows);
  }
  if (type === 'A_Expr' && comparesWithItself(body)) return false;
  return namesColumn(condition);
}

function comparesWithItself(body: Fields): boolean {
  const { lexpr, rexpr } = body;
  if (nodeOf(lexpr, 'ColumnRef') === undefined || nodeOf(rexpr, 'ColumnRef') === undefined) return false;
  return withoutPlaces(lexpr) === withoutPlaces(rexpr);
}

function withoutPlaces(value: Json | undefined): string {
  return JSON.stringify(value, (key, inner: unknown) => (key === 'location' ? undefined : inner));
}

/** Whether a column is named anywhere in it, or a cursor's row. */
function namesColumn(value: Json | undefined): boolean {
  const waiting: (Json | undefined)[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (Array.isArray(next)) {
      for (const inner of list(next)) waiting.push(inner);
    } else if (isFields(next)) {
      for (const [name, inner] of Object.entries(next)) {
        if (name === 'ColumnRef' || name === 'CurrentOfExpr') return true;
        if (typeof inner === 'object') waiting.push(inner);
      }
    }
  }
  return false;
}

/** The same for MERGE: an arm that changes rows, unconditional, under a join condition that narrows nothing. */
export function mergeNarrows(body: Fields): boolean {
  if (narrows(body['joinCondition'])) return true;
  return list(body['mergeWhenClauses']).every(item => {
    const arm = nodeOf(item, 'MergeWhenClause');
    const command = text(arm?.['commandType']);
    return (command !== 'CMD_UPDATE' && command !== 'CMD_DELETE') || narrows(arm?.['condition']);
  });
}
