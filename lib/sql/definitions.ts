import type { Action } from '#lib/sql/collector.ts';
import { quoteName } from '#lib/sql/names.ts';
import {
  type Fields,
  fields,
  isFields,
  type Json,
  list,
  nameParts,
  stringOf,
  tagged,
  text,
} from '#lib/sql/tree.ts';
import type { NodeReader, Walker } from '#lib/sql/walker.ts';

/** Statements that define, grant or maintain: what they do follows from their kind, and what to, from fields. */

interface Definition {
  readonly actions: readonly Action[];
  /** Fields that hold names which are not those of tables: a string, a qualified name, or several. */
  readonly names?: readonly string[];
}

const ddl = (...names: string[]): Definition => ({ actions: ['ddl'], names });
/** Definitions that reach out of the database, or that superusers make. */
const server = (...names: string[]): Definition => ({ actions: ['ddl', 'admin'], names });
const role = (...names: string[]): Definition => ({ actions: ['role'], names });
const maintenance = (...names: string[]): Definition => ({ actions: ['maintenance'], names });

const definitions: Readonly<Record<string, Definition>> = {
  AlterCollationStmt: ddl('collname'),
  AlterDatabaseRefreshCollStmt: server('dbname'),
  AlterDatabaseSetStmt: { actions: ['admin'], names: ['dbname'] },
  AlterDatabaseStmt: server('dbname'),
  AlterDefaultPrivilegesStmt: { actions: ['grant'] },
  AlterDomainStmt: ddl('typeName'),
  AlterEnumStmt: ddl('typeName'),
  AlterEventTrigStmt: server('trigname'),
  AlterExtensionContentsStmt: server('extname'),
  AlterExtensionStmt: server('extname'),
  AlterFdwStmt: server('fdwname'),
  AlterForeignServerStmt: server('servername'),
  AlterFunctionStmt: ddl('func'),
  AlterObjectDependsStmt: ddl('object'),
  AlterObjectSchemaStmt: ddl('object'),
  AlterOpFamilyStmt: ddl('opfamilyname'),
  AlterOperatorStmt: ddl(),
  AlterOwnerStmt: { actions: ['ddl', 'grant'], names: ['object'] },
  AlterPolicyStmt: ddl(),
  AlterPublicationStmt: ddl('pubname'),
  AlterRoleSetStmt: role('role'),
  AlterRoleStmt: role('role'),
  AlterSeqStmt: ddl(),
  AlterStatsStmt: ddl('defnames'),
  AlterSubscriptionStmt: server('subname'),
  AlterTSConfigurationStmt: ddl('cfgname'),
  AlterTSDictionaryStmt: ddl('dictname'),
  AlterTableMoveAllStmt: server('orig_tablespacename'),
  AlterTableSpaceOptionsStmt: server('tablespacename'),
  AlterTableStmt: ddl(),
  AlterTypeStmt: ddl('typeName'),
  AlterUserMappingStmt: server('servername'),
  CheckPointStmt: maintenance(),
  ClusterStmt: maintenance(),
  CommentStmt: ddl('object'),
  CompositeTypeStmt: ddl(),
  CreateAmStmt: server('amname'),
  CreateCastStmt: ddl(),
  CreateConversionStmt: ddl('conversion_name'),
  CreateDomainStmt: ddl('domainname'),
  CreateEnumStmt: ddl('typeName'),
  CreateEventTrigStmt: server('trigname'),
  CreateExtensionStmt: server('extname'),
  CreateFdwStmt: server('fdwname'),
  CreateForeignServerStmt: server('servername'),
  CreateForeignTableStmt: ddl(),
  CreateFunctionStmt: ddl('funcname'),
  CreateOpClassStmt: ddl('opclassname'),
  CreateOpFamilyStmt: ddl('opfamilyname'),
  CreatePLangStmt: server('plname'),
  CreatePolicyStmt: ddl(),
  CreatePublicationStmt: ddl('pubname'),
  CreateRangeStmt: ddl('typeName'),
  CreateRoleStmt: role('role'),
  CreateSeqStmt: ddl(),
  CreateStatsStmt: ddl('defnames'),
  CreateStmt: ddl(),
  CreateSubscriptionStmt: server('subname'),
  CreateTableSpaceStmt: server('tablespacename'),
  CreateTransformStmt: ddl(),
  CreateTrigStmt: ddl(),
  CreateUserMappingStmt: server('servername'),
  CreatedbStmt: server('dbname'),
  DefineStmt: ddl('defnames'),
  DropOwnedStmt: { actions: ['ddl', 'grant'] },
  DropRoleStmt: role('roles'),
  DropStmt: ddl('objects'),
  DropSubscriptionStmt: server('subname'),
  DropTableSpaceStmt: server('tablespacename'),
  DropUserMappingStmt: server('servername'),
  DropdbStmt: server('dbname'),
  GrantRoleStmt: role('granted_roles'),
  GrantStmt: { actions: ['grant'], names: ['objects'] },
  ImportForeignSchemaStmt: server('server_name'),
  IndexStmt: ddl(),
  ReassignOwnedStmt: { actions: ['role', 'ddl'], names: ['roles'] },
  RefreshMatViewStmt: maintenance(),
  ReindexStmt: maintenance(),
  RenameStmt: ddl('object'),
  RuleStmt: ddl(),
  SecLabelStmt: ddl('object'),
  TruncateStmt: { actions: ['truncate'] },
  VacuumStmt: maintenance(),
};

/** Kinds of objects that belong to a relation, which the parts before the last name. */
const attached = new Set([
  'OBJECT_COLUMN',
  'OBJECT_POLICY',
  'OBJECT_RULE',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER',
]);

/** Kinds of which the definition reaches out of the database. */
const ofServer = new Set([
  'OBJECT_ACCESS_METHOD',
  'OBJECT_DATABASE',
  'OBJECT_EVENT_TRIGGER',
  'OBJECT_EXTENSION',
  'OBJECT_FDW',
  'OBJECT_FOREIGN_SERVER',
  'OBJECT_LANGUAGE',
  'OBJECT_SUBSCRIPTION',
  'OBJECT_TABLESPACE',
]);

/** Kinds on which it depends where unqualified names are looked up. */
const inSearchPath = new Set(['OBJECT_EXTENSION', 'OBJECT_ROLE', 'OBJECT_SCHEMA']);

/** Kinds of which a name is `access method, schema, name` or no name at all. */
const unnamed = new Set(['OBJECT_CAST', 'OBJECT_OPCLASS', 'OBJECT_OPFAMILY', 'OBJECT_TRANSFORM']);

function objectKind(body: Fields): string {
  const { removeType, renameType, objectType, objtype } = body;
  return text(removeType ?? renameType ?? objectType ?? objtype);
}

function define(type: string, { actions, names = [] }: Definition): NodeReader {
  return (walker, body, scope) => {
    const { collector } = walker;
    const kind = objectKind(body);
    const all = actionsOf(actions, kind);
    const objects = names.flatMap(field => namesIn(walker, body[field], kind));
    const wholeSchemas = text(body['targtype']) === 'ACL_TARGET_ALL_IN_SCHEMA';
    for (const action of all) collector.add(action, wholeSchemas ? objects.map(one => `${one}.*`) : objects);
    if (all.includes('role')) collector.writes = true;
    if (all.includes('role') || inSearchPath.has(kind) || type === 'DropOwnedStmt') collector.settings = true;
    // A setting that is kept for sessions to come says nothing of this one.
    walker.fields(type, body, { ...scope, actions: all }, [...names, 'setstmt']);
  };
}

function actionsOf(actions: readonly Action[], kind: string): readonly Action[] {
  if (actions[0] !== 'ddl') return actions;
  if (kind === 'OBJECT_ROLE') return ['role'];
  return ofServer.has(kind) ? [...new Set<Action>([...actions, 'admin'])] : actions;
}

function namesIn(walker: Walker, value: Json | undefined, kind: string): readonly string[] {
  if (typeof value === 'string') return [quoteName(value)];
  if (Array.isArray(value)) {
    // `GRANT … ON SCHEMA a, b` is a list of words as `CREATE FUNCTION a.b` is.
    const parts = kind === '' ? nameParts(value) : undefined;
    return parts !== undefined
      ? walker.object(parts)
      : list(value).flatMap(one => namesIn(walker, one, kind));
  }
  const node = tagged(value);
  if (node === undefined) {
    // A bare RoleSpec or ObjectWithArgs.
    return isFields(value) ? partsIn(walker, value) : [];
  }
  const { type, body } = node;
  if (type === 'String') return [quoteName(stringOf(value) as string)];
  if (type === 'RangeVar') return walker.relation(body);
  if (type !== 'List') return partsIn(walker, body);
  const parts = nameParts(body['items']);
  if (parts === undefined || unnamed.has(kind)) return [];
  return walker.object(attached.has(kind) ? parts.slice(0, -1) : parts);
}

function partsIn(walker: Walker, body: Fields): readonly string[] {
  const { rolename, priv_name, objname, names } = body;
  const word = rolename ?? priv_name;
  if (typeof word === 'string') return [quoteName(word)];
  return walker.object(nameParts(objname ?? names) ?? []);
}

export const definitionReaders: Readonly<Record<string, NodeReader>> = {
  ...Object.fromEntries(
    Object.entries(definitions).map(([type, definition]) => [type, define(type, definition)]),
  ),

  AlterSystemStmt(walker, body) {
    const name = text(fields(body['setstmt'])['name']).toLowerCase();
    walker.collector.add('admin', [name === '' ? 'all' : name]);
  },

  /** What is created with a schema lies in it. The path afterwards may hold it, if it is called like the role. */
  CreateSchemaStmt(walker, body, scope) {
    const path = walker.searchPath;
    const owner = fields(body['authrole'])['rolename'];
    // CREATE SCHEMA AUTHORIZATION joe makes a schema joe.
    const schema = body['schemaname'] ?? owner;
    const after = typeof schema === 'string' && path !== undefined ? [...path, schema] : undefined;
    walker.collector.settings = true;
    walker.nextSearchPath = after;
    walker.collector.add('ddl', typeof schema === 'string' ? [quoteName(schema)] : []);
    walker.searchPath = typeof schema === 'string' ? ['pg_catalog', schema] : undefined;
    walker.fields('CreateSchemaStmt', body, { ...scope, actions: ['ddl'] });
    walker.searchPath = path;
  },
};
