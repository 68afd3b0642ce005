import { type Fields, fields, type Json, list, tagged, text } from '#lib/sql/tree.ts';

/** What to call a statement: PostgreSQL's command tag, or close to it. */
export function verbOf(statement: Json | undefined): string {
  const node = tagged(statement);
  if (node === undefined) return 'UNKNOWN';
  const special = Object.hasOwn(specials, node.type) ? specials[node.type] : undefined;
  return special === undefined ? plainVerb(node.type) : special(node.body);
}

/** `AlterTableStmt` is ALTER TABLE. */
function plainVerb(type: string): string {
  return type
    .replace(/Stmt$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();
}

/** `OBJECT_FOREIGN_TABLE` is FOREIGN TABLE. */
function objectWords(kind: Json | undefined): string {
  return text(kind).replace('OBJECT_', '').replaceAll('_', ' ');
}

const transactions: Readonly<Record<string, string>> = {
  TRANS_STMT_START: 'START TRANSACTION',
  TRANS_STMT_ROLLBACK_TO: 'ROLLBACK TO SAVEPOINT',
  TRANS_STMT_PREPARE: 'PREPARE TRANSACTION',
};

function setVerb(body: Fields): string {
  const words = text(body['kind']).startsWith('VAR_RESET') ? 'RESET' : 'SET';
  const name = text(body['name']).toLowerCase();
  if (name === 'role') return `${words} ROLE`;
  return name === 'session_authorization' ? `${words} SESSION AUTHORIZATION` : words;
}

const specials: Readonly<Record<string, (body: Fields) => string>> = {
  AlterDatabaseSetStmt: () => 'ALTER DATABASE',
  AlterObjectSchemaStmt: body => `ALTER ${objectWords(body['objectType'])}`,
  AlterOwnerStmt: body => `ALTER ${objectWords(body['objectType'])}`,
  AlterRoleSetStmt: () => 'ALTER ROLE',
  AlterSeqStmt: () => 'ALTER SEQUENCE',
  AlterTableStmt: body => `ALTER ${objectWords(body['objtype'] ?? body['relkind'] ?? 'TABLE')}`,
  CheckPointStmt: () => 'CHECKPOINT',
  ClosePortalStmt: () => 'CLOSE',
  ConstraintsSetStmt: () => 'SET CONSTRAINTS',
  CreateSeqStmt: () => 'CREATE SEQUENCE',
  CreateStmt: () => 'CREATE TABLE',
  CreateTableAsStmt: body =>
    text(body['objtype'] ?? body['relkind']) === 'OBJECT_MATVIEW'
      ? 'CREATE MATERIALIZED VIEW'
      : 'CREATE TABLE AS',
  CreateTrigStmt: () => 'CREATE TRIGGER',
  CreatedbStmt: () => 'CREATE DATABASE',
  DeclareCursorStmt: () => 'DECLARE CURSOR',
  DefineStmt: body => `CREATE ${objectWords(body['kind'])}`,
  DiscardStmt: body => text(body['target'] ?? 'DISCARD_ALL').replace('_', ' '),
  DropStmt: body => `DROP ${objectWords(body['removeType'])}`,
  DropdbStmt: () => 'DROP DATABASE',
  ExplainStmt: body => {
    const analyze = list(body['options']).some(
      option => text(fields(tagged(option)?.body)['defname']) === 'analyze',
    );
    return `EXPLAIN ${analyze ? 'ANALYZE ' : ''}${verbOf(body['query'])}`;
  },
  FetchStmt: body => (body['ismove'] === true ? 'MOVE' : 'FETCH'),
  GrantRoleStmt: body => (body['is_grant'] === true ? 'GRANT ROLE' : 'REVOKE ROLE'),
  GrantStmt: body => (body['is_grant'] === true ? 'GRANT' : 'REVOKE'),
  IndexStmt: () => 'CREATE INDEX',
  LockStmt: () => 'LOCK TABLE',
  RefreshMatViewStmt: () => 'REFRESH MATERIALIZED VIEW',
  RenameStmt: body => `ALTER ${objectWords(body['renameType'])}`,
  RuleStmt: () => 'CREATE RULE',
  SecLabelStmt: () => 'SECURITY LABEL',
  TransactionStmt: body => {
    const kind = text(body['kind'] ?? 'TRANS_STMT_BEGIN');
    return transactions[kind] ?? kind.replace('TRANS_STMT_', '').replaceAll('_', ' ');
  },
  TruncateStmt: () => 'TRUNCATE TABLE',
  VacuumStmt: body => (body['is_vacuumcmd'] === true ? 'VACUUM' : 'ANALYZE'),
  VariableSetStmt: setVerb,
  VariableShowStmt: () => 'SHOW',
  ViewStmt: () => 'CREATE VIEW',
};
