/**
 * libpg_query's tree as JSON. A field of type Node holds `{ "SelectStmt": { … } }`; a field of one fixed type
 * holds that type's fields bare, so the type has to be known from the field. Fields at their default (0, false,
 * "") are left out. Names of fields: the grammars' protobuf definitions, 13 to 18.
 */

export type Json = null | boolean | number | string | readonly Json[] | Fields;

/** The fields of one node. */
export interface Fields {
  readonly [field: string]: Json | undefined;
}

export function isFields(value: Json | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function list(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

export function fields(value: Json | undefined): Fields {
  return isFields(value) ? value : none;
}

const none: Fields = {};

export function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

export interface Tagged {
  readonly type: string;
  readonly body: Fields;
}

/** A node with its type, or undefined when the value has none written on it. */
export function tagged(value: Json | undefined): Tagged | undefined {
  if (!isFields(value)) return undefined;
  const names = Object.keys(value);
  const type = names[0];
  if (names.length !== 1 || type === undefined || !/^[A-Z]/.test(type)) return undefined;
  const body = value[type];
  return isFields(body) ? { type, body } : undefined;
}

/** The fields of a node that has to be of this type. */
export function nodeOf(value: Json | undefined, type: string): Fields | undefined {
  const node = tagged(value);
  return node?.type === type ? node.body : undefined;
}

/** The value of a String node: `str` up to 14, `sval` since. */
export function stringOf(value: Json | undefined): string | undefined {
  const node = nodeOf(value, 'String');
  return node && text(node['sval'] ?? node['str']);
}

/** The parts of a qualified name; undefined when it is not one. */
export function nameParts(value: Json | undefined): readonly string[] | undefined {
  const parts = list(value).map(stringOf);
  return parts.length > 0 && parts.every(part => part !== undefined) ? parts : undefined;
}

/** The value of a string literal, or of a word that the grammar turns into one (SET x TO word). */
export function literalString(value: Json | undefined): string | undefined {
  const constant = nodeOf(value, 'A_Const');
  if (constant === undefined) return undefined;
  // Up to 14 the value is a node, since 15 it is a field of its own.
  if (isFields(constant['val'])) return stringOf(constant['val']);
  return isFields(constant['sval']) ? text(constant['sval']['sval']) : undefined;
}

/** Types of fields that hold one fixed type, where the field's name alone says it. */
const typeOfField: Readonly<Record<string, string>> = {
  action: 'GrantStmt',
  alias: 'Alias',
  argType: 'TypeName',
  authrole: 'RoleSpec',
  base: 'CreateStmt',
  bound: 'PartitionBoundSpec',
  collClause: 'CollateClause',
  constrrel: 'RangeVar',
  constructor: 'JsonAggConstructor',
  context_item: 'JsonValueExpr',
  cycle_clause: 'CTECycleClause',
  datatype: 'TypeName',
  expr: 'JsonValueExpr',
  extname: 'String',
  format: 'JsonFormat',
  fromsql: 'ObjectWithArgs',
  func: 'ObjectWithArgs',
  funccall: 'FuncCall',
  grantor: 'RoleSpec',
  identitySequence: 'RangeVar',
  infer: 'InferClause',
  into: 'IntoClause',
  intoClause: 'IntoClause',
  join_using_alias: 'Alias',
  larg: 'SelectStmt',
  newowner: 'RoleSpec',
  newrole: 'RoleSpec',
  ofTypename: 'TypeName',
  on_empty: 'JsonBehavior',
  on_error: 'JsonBehavior',
  onConflictClause: 'OnConflictClause',
  opername: 'ObjectWithArgs',
  output: 'JsonOutput',
  over: 'WindowDef',
  owner: 'RoleSpec',
  partbound: 'PartitionBoundSpec',
  partspec: 'PartitionSpec',
  pathspec: 'JsonTablePathSpec',
  pktable: 'RangeVar',
  pubtable: 'PublicationTable',
  rarg: 'SelectStmt',
  rel: 'RangeVar',
  relation: 'RangeVar',
  returnType: 'TypeName',
  returning: 'JsonReturning',
  returningClause: 'ReturningClause',
  role: 'RoleSpec',
  search_clause: 'CTESearchClause',
  sequence: 'RangeVar',
  setstmt: 'VariableSetStmt',
  sourcetype: 'TypeName',
  storedtype: 'TypeName',
  table: 'RangeVar',
  targettype: 'TypeName',
  tosql: 'ObjectWithArgs',
  type_name: 'TypeName',
  typeName: 'TypeName',
  typevar: 'RangeVar',
  user: 'RoleSpec',
  value: 'JsonValueExpr',
  view: 'RangeVar',
  withClause: 'WithClause',
};

/** The same where it depends on the node that the field is in. */
const typeOfFieldIn: Readonly<Record<string, string>> = {
  'CreateOpClassItem.name': 'ObjectWithArgs',
  'JsonArgument.val': 'JsonValueExpr',
  'JsonArrayAgg.arg': 'JsonValueExpr',
  'JsonObjectAgg.arg': 'JsonKeyValue',
  'PLAssignStmt.val': 'SelectStmt',
  'PartitionCmd.name': 'RangeVar',
};

/** The type of what stands bare in a field. */
export function fieldType(parent: string, field: string): string | undefined {
  const key = `${parent}.${field}`;
  if (Object.hasOwn(typeOfFieldIn, key)) return typeOfFieldIn[key];
  return Object.hasOwn(typeOfField, field) ? typeOfField[field] : undefined;
}
