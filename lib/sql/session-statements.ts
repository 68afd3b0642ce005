import { maxNames, TooManyNames } from '#lib/sql/collector.ts';
import { quoteName, type SearchPath } from '#lib/sql/names.ts';
import { forget } from '#lib/sql/queries.ts';
import { applySetting } from '#lib/sql/session-settings.ts';
import { type Fields, fields, type Json, list, literalString, nameParts, text } from '#lib/sql/tree.ts';
import type { NodeReader, Walker } from '#lib/sql/walker.ts';

/** Statements about the session, its transactions and cursors, and code that is run by name or as it comes. */
export const sessionReaders: Readonly<Record<string, NodeReader>> = {
  VariableSetStmt(walker, body, scope) {
    const { collector } = walker;
    const kind = text(body['kind']);
    const name = text(body['name']);
    const args = list(body['args']);
    walker.walk(args, scope);
    if (kind === 'VAR_RESET_ALL') {
      collector.add('set', ['all']);
      collector.settings = true;
    } else if (kind === 'VAR_SET_MULTI') {
      // SET TRANSACTION, SET SESSION CHARACTERISTICS, SET TRANSACTION SNAPSHOT.
      collector.add('transaction');
    } else {
      applySetting(collector, name, args.length === 1 ? literalString(args[0]) : undefined);
      if (name.toLowerCase() === 'search_path') {
        collector.literalsMatter = true;
        walker.nextSearchPath = pathAfter(walker, body, args);
      }
    }
  },

  VariableShowStmt(walker) {
    walker.collector.add('select');
  },

  DiscardStmt(walker, body) {
    const all = body['target'] === undefined || body['target'] === 'DISCARD_ALL';
    walker.collector.add('set', all ? ['all'] : []);
    if (!all) return;
    walker.collector.settings = true;
    walker.collector.renames = true;
    walker.collector.deallocates.push(undefined);
    forget(walker);
  },

  TransactionStmt(walker, body) {
    const { collector } = walker;
    const kind = text(body['kind']);
    collector.add('transaction');
    // It ends what any session has left; and what is left stays, with its locks, when its session is ended.
    if (twoPhase.has(kind)) collector.add('admin');
    const pending =
      walker.context.settingsPending !== false || walker.searchPath !== walker.context.searchPath;
    // What was set in the transaction may be undone, but only if anything was; and a cursor WITH HOLD runs now.
    if (!staysOpen.has(kind)) collector.endsTransaction = true;
    if (!staysOpen.has(kind) && pending) {
      collector.settings = true;
      collector.renames = true;
    }
  },

  ConstraintsSetStmt(walker) {
    walker.collector.add('transaction');
  },

  ClosePortalStmt(walker) {
    walker.collector.add('transaction');
    walker.collector.renames = true;
  },

  /**
   * FETCH and MOVE run what a name stands for. A cursor of SQL's was decided when it was declared, and runs only
   * now; a portal that was bound by protocol is decided here, since it may be executed by no other message.
   */
  FetchStmt(walker, body) {
    const { collector, context, cursors } = walker;
    const name = text(body['portalname']);
    collector.add('select');
    collector.namesMatter = true;
    if (context.portals !== undefined) {
      collector.sessionMatters = true;
      const portal = context.portals(name);
      if (portal === undefined) collector.unknown();
      else if (portal !== 'cursor') {
        collector.runs(portal);
        return;
      }
    }
    const known = cursors.get(name) === false && !collector.opaque && !collector.unknownCode;
    if (known) return;
    collector.settings = true;
    collector.renames = true;
  },

  ListenStmt: channel,
  NotifyStmt: channel,
  UnlistenStmt: channel,

  LockStmt(walker, body, scope) {
    walker.fields('LockStmt', body, { ...scope, actions: ['lock'] });
  },

  DoStmt(walker) {
    walker.collector.add('do');
    walker.collector.anything();
    walker.collector.unknownCode = true;
  },

  CallStmt(walker, body, scope) {
    const call = fields(body['funccall']);
    const parts = nameParts(call['funcname']);
    if (parts === undefined) {
      walker.collector.unknown();
      return;
    }
    walker.collector.function(parts.map(quoteName).join('.'));
    walker.calls(parts);
    walker.fields('FuncCall', call, scope, ['funcname']);
  },

  LoadStmt(walker, body) {
    walker.collector.add('admin', [text(body['filename'])]);
    walker.collector.unknownCode = true;
    walker.collector.settings = true;
    walker.collector.literalsMatter = true;
  },
};

const staysOpen = new Set([
  'TRANS_STMT_BEGIN',
  'TRANS_STMT_START',
  'TRANS_STMT_SAVEPOINT',
  'TRANS_STMT_RELEASE',
]);

const twoPhase = new Set([
  'TRANS_STMT_PREPARE',
  'TRANS_STMT_COMMIT_PREPARED',
  'TRANS_STMT_ROLLBACK_PREPARED',
]);

function channel(walker: Walker, body: Fields): void {
  walker.collector.add('listen', [text(body['conditionname']) || '*']);
}

/**
 * The path that SET search_path leaves, as far as the text says it. Schemas that do not exist stand in it,
 * which makes for too many candidates rather than too few. SET LOCAL may be without effect.
 */
function pathAfter(walker: Walker, body: Fields, args: readonly Json[]): SearchPath {
  if (text(body['kind']) !== 'VAR_SET_VALUE') return undefined;
  const names: string[] = [];
  for (const arg of args) {
    const name = literalString(arg);
    if (name === undefined || name === '$user') return undefined;
    if (name !== '') names.push(name);
  }
  // No name could be looked up in all of them.
  if (names.length > maxNames) throw new TooManyNames();
  const path = names.includes('pg_catalog') ? names : ['pg_catalog', ...names];
  if (body['is_local'] !== true) return path;
  const before = walker.searchPath;
  if (before === undefined) return undefined;
  if (path.length + before.length > maxNames) throw new TooManyNames();
  return [...path, ...before];
}
