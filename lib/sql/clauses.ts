import { fields, list, stringOf, text } from '#lib/sql/tree.ts';
import { inSight, type NodeReader, withScope } from '#lib/sql/walker.ts';

/** Parts of statements. */

/** Clauses that say more than what is in them. */
export const clauseReaders: Readonly<Record<string, NodeReader>> = {
  RangeVar(walker, body, scope) {
    if (text(body['schemaname']) === '' && inSight(scope.ctes, text(body['relname']))) return;
    const names = walker.relation(body);
    for (const action of scope.actions) walker.collector.add(action, names);
  },

  /** A literal, whose value stands in a field of varying type. */
  A_Const() {},

  FuncCall(walker, body, scope) {
    walker.function(body['funcname'], list(body['args']));
    walker.fields('FuncCall', body, scope, ['funcname']);
  },

  /** `alias.f`, `schema.table.f`. */
  ColumnRef(walker, body) {
    const parts = list(body['fields']);
    const name = parts.length > 1 ? stringOf(parts.at(-1)) : undefined;
    if (name !== undefined) walker.attribute(name);
  },

  /** `(expression).f.g`: each may be called with what stands before it. */
  A_Indirection(walker, body, scope) {
    for (const part of list(body['indirection'])) {
      const name = stringOf(part);
      if (name !== undefined) walker.attribute(name);
    }
    walker.fields('A_Indirection', body, scope);
  },

  RangeTableSample(walker, body, scope) {
    walker.function(body['method'], []);
    walker.fields('RangeTableSample', body, scope, ['method']);
  },

  A_Expr(walker, body, scope) {
    // The grammar names these itself: BETWEEN, NOT BETWEEN SYMMETRIC, …
    const kind = text(body['kind']);
    if (!kind.includes('BETWEEN')) walker.operator(body['name']);
    else for (const name of kind.includes('NOT') ? ['<', '>'] : ['>=', '<=']) walker.operatorNamed([name]);
    walker.fields('A_Expr', body, scope, ['name']);
  },

  /** `CASE x WHEN y` compares. */
  CaseExpr(walker, body, scope) {
    if (body['arg'] !== undefined) walker.operatorNamed(['=']);
    walker.fields('CaseExpr', body, scope);
  },

  JoinExpr(walker, body, scope) {
    if (body['isNatural'] === true || list(body['usingClause']).length > 0) walker.operatorNamed(['=']);
    walker.fields('JoinExpr', body, scope);
  },

  SubLink(walker, body, scope) {
    walker.operator(body['operName']);
    // `x IN (SELECT …)` compares.
    if (body['testexpr'] !== undefined && body['operName'] === undefined) walker.operatorNamed(['=']);
    walker.fields('SubLink', body, scope, ['operName']);
  },

  SortBy(walker, body, scope) {
    walker.operator(body['useOp']);
    walker.fields('SortBy', body, scope, ['useOp']);
  },

  /** SELECT … INTO: the table that it makes. */
  IntoClause(walker, body, scope) {
    walker.collector.add('ddl', walker.relation(fields(body['rel'])));
    walker.fields('IntoClause', body, scope, ['rel']);
  },

  /** Only where its statement has not brought its names into sight. */
  WithClause(walker, body, scope) {
    withScope(walker, body, scope);
  },
};

/** Clauses of which only what is in them counts. */
export const plainClauses: ReadonlySet<string> = new Set(
  `
A_ArrayExpr A_Indices A_Star ATAlterConstraint AccessPriv Alias AlterTableCmd BitString
BoolExpr Boolean BooleanTest CTECycleClause CTESearchClause CaseWhen CoalesceExpr CollateClause
ColumnDef Constraint CreateOpClassItem CurrentOfExpr DefElem Float FunctionParameter GroupingFunc
GroupingSet IndexElem InferClause Integer JsonAggConstructor JsonArgument JsonArrayAgg
JsonArrayConstructor JsonArrayQueryConstructor JsonBehavior JsonFormat JsonFuncExpr JsonIsPredicate
JsonKeyValue JsonObjectAgg JsonObjectConstructor JsonOutput JsonParseExpr JsonReturning JsonScalarExpr
JsonSerializeExpr JsonTable JsonTableColumn JsonTablePathSpec JsonValueExpr List LockingClause
MergeSupportFunc MergeWhenClause MinMaxExpr MultiAssignRef NamedArgExpr Null NullTest ObjectWithArgs
OnConflictClause ParamRef PartitionBoundSpec PartitionCmd PartitionElem PartitionRangeDatum PartitionSpec
PublicationObjSpec PublicationTable RangeFunction RangeSubselect RangeTableFunc RangeTableFuncCol
ReplicaIdentityStmt ResTarget ReturnStmt ReturningClause ReturningOption RoleSpec RowExpr SQLValueFunction
SetToDefault SinglePartitionSpec StatsElem String TableLikeClause TriggerTransition TypeCast TypeName
VacuumRelation WindowDef XmlExpr XmlSerialize
`
    .trim()
    .split(/\s+/),
);
