/**
 * Names of objects as policies write them: `schema.name`, each part quoted as PostgreSQL quotes it when it is
 * not plain lower case (key words are left bare), so that a dot inside a name cannot be taken for the one
 * between.
 */

export function quoteName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function qualifiedName(schema: string, name: string): string {
  return `${quoteName(schema)}.${quoteName(name)}`;
}

/** The effective schemas in order, `pg_catalog` among them; undefined: not known. */
export type SearchPath = readonly string[] | undefined;

/** Stands for the schema of a name that cannot be known. No schema is quoted like this. */
export const unknownSchema = '?';

/** Temporary schemas hold no functions or operators, and what they hold is the session's own. */
const isTemporary = (schema: string) => schema.startsWith('pg_temp');

/** Whether PostgreSQL's own functions and operators come before all others that bear the same name. */
export function catalogFirst(path: SearchPath): boolean {
  return path?.find(schema => !isTemporary(schema)) === 'pg_catalog';
}

/**
 * Schemas, quoted, where an unqualified name may lie that is not PostgreSQL's own: too many rather than too few.
 * A temporary table is named like the tables that it hides, and stands under `pg_temp` only where there is no
 * other schema in the path. Under `?` the path is not known.
 */
export function places(path: SearchPath, catalogToo = false): readonly string[] {
  if (path === undefined) return [unknownSchema];
  const schemas = path.filter(one => !isTemporary(one) && (catalogToo || one !== 'pg_catalog'));
  return schemas.length > 0 ? schemas.map(quoteName) : ['pg_temp'];
}

/** What the name of a table or view may stand for. All of `pg_catalog` begin with `pg_`, and no others are there. */
export function relationNames(name: string, path: SearchPath): readonly string[] {
  if (catalogFirst(path) && catalogRelations.has(name)) return [`pg_catalog.${name}`];
  return places(path, name.startsWith('pg_')).map(schema => `${schema}.${quoteName(name)}`);
}

/** Relations that `pg_catalog` has in every version from 13 to 18 (`relkind IN ('r', 'v')`). */
const catalogRelations = new Set(
  `
pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_auth_members pg_authid
pg_available_extension_versions pg_available_extensions pg_cast pg_class pg_collation pg_config
pg_constraint pg_conversion pg_cursors pg_database pg_db_role_setting pg_default_acl pg_depend
pg_description pg_enum pg_event_trigger pg_extension pg_file_settings pg_foreign_data_wrapper
pg_foreign_server pg_foreign_table pg_group pg_hba_file_rules pg_index pg_indexes pg_inherits
pg_init_privs pg_language pg_largeobject pg_largeobject_metadata pg_locks pg_matviews pg_namespace
pg_opclass pg_operator pg_opfamily pg_partitioned_table pg_policies pg_policy pg_prepared_statements
pg_prepared_xacts pg_proc pg_publication pg_publication_rel pg_publication_tables pg_range
pg_replication_origin pg_replication_origin_status pg_replication_slots pg_rewrite pg_roles pg_rules
pg_seclabel pg_seclabels pg_sequence pg_sequences pg_settings pg_shadow pg_shdepend pg_shdescription
pg_shmem_allocations pg_shseclabel pg_stat_activity pg_stat_all_indexes pg_stat_all_tables
pg_stat_archiver pg_stat_bgwriter pg_stat_database pg_stat_database_conflicts pg_stat_gssapi
pg_stat_progress_analyze pg_stat_progress_basebackup pg_stat_progress_cluster
pg_stat_progress_create_index pg_stat_progress_vacuum pg_stat_replication pg_stat_slru pg_stat_ssl
pg_stat_subscription pg_stat_sys_indexes pg_stat_sys_tables pg_stat_user_functions pg_stat_user_indexes
pg_stat_user_tables pg_stat_wal_receiver pg_stat_xact_all_tables pg_stat_xact_sys_tables
pg_stat_xact_user_functions pg_stat_xact_user_tables pg_statio_all_indexes pg_statio_all_sequences
pg_statio_all_tables pg_statio_sys_indexes pg_statio_sys_sequences pg_statio_sys_tables
pg_statio_user_indexes pg_statio_user_sequences pg_statio_user_tables pg_statistic pg_statistic_ext
pg_statistic_ext_data pg_stats pg_stats_ext pg_subscription pg_subscription_rel pg_tables pg_tablespace
pg_timezone_abbrevs pg_timezone_names pg_transform pg_trigger pg_ts_config pg_ts_config_map pg_ts_dict
pg_ts_parser pg_ts_template pg_type pg_user pg_user_mapping pg_user_mappings pg_views
`
    .trim()
    .split(/\s+/),
);
