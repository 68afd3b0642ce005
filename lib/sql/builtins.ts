import { catalogFunctions, volatileFunctions } from '#lib/sql/catalog-functions.ts';

/**
 * What PostgreSQL's own functions and operators do besides giving a value.
 *
 * `call`: it writes (a sequence, a large object). `text`: it runs SQL that is data to the caller. `select`: it
 * shows what a view of the server's activity shows. `settings`: set_config. The others are operations of their
 * own.
 */
export type FunctionEffect =
  | 'none'
  | 'call'
  | 'text'
  | 'settings'
  | 'select'
  | 'admin'
  | 'server-file'
  | 'maintenance'
  | 'lock'
  | 'listen'
  | 'transaction';

/** A name, or the start of names. */
type Pattern = string;

const effects: Readonly<Record<Exclude<FunctionEffect, 'none'>, readonly Pattern[]>> = {
  settings: ['set_config'],
  call: ['nextval', 'setval', 'lo_*', 'loread', 'lowrite'],
  text: [
    'query_to_xml*',
    'cursor_to_xml*',
    'table_to_xml*',
    'schema_to_xml*',
    'database_to_xml*',
    'ts_stat',
    'ts_rewrite',
    'plpgsql_inline_handler',
  ],
  select: ['pg_stat_get_*', 'pg_cursor', 'pg_prepared_statement'],
  'server-file': [
    'lo_import',
    'lo_export',
    'pg_read_*',
    'pg_ls_*',
    'pg_stat_file',
    'pg_current_logfile',
    'pg_hba_file_rules',
    'pg_ident_file_mappings',
    'pg_show_all_file_settings',
  ],
  lock: ['pg_advisory_*', 'pg_try_advisory_*'],
  listen: ['pg_notify'],
  transaction: ['pg_export_snapshot'],
  maintenance: ['brin_summarize_*', 'brin_desummarize_range', 'gin_clean_pending_list'],
  admin: [
    'binary_upgrade_*',
    'pg_backup_start',
    'pg_backup_stop',
    'pg_cancel_backend',
    'pg_clear_*',
    'pg_copy_logical_replication_slot',
    'pg_copy_physical_replication_slot',
    'pg_create_*',
    'pg_drop_replication_slot',
    'pg_extension_config_dump',
    'pg_import_system_collations',
    'pg_log_*',
    'pg_logical_*',
    'pg_nextoid',
    'pg_promote',
    'pg_reload_conf',
    'pg_replication_*',
    'pg_restore_*',
    'pg_rotate_logfile*',
    'pg_start_backup',
    'pg_stat_reset*',
    'pg_stop_backup',
    'pg_stop_making_pinned_objects',
    'pg_switch_wal',
    'pg_sync_replication_slots',
    'pg_terminate_backend',
    'pg_wal_replay_*',
  ],
};

/**
 * Volatile functions without an effect that another session or a later statement could see, but for what a
 * session keeps for itself (the seed of random, statistics' snapshots).
 */
const harmless: readonly Pattern[] = [
  'RI_FKey_*',
  'amvalidate',
  'array_sample',
  'array_shuffle',
  'bernoulli',
  '*handler',
  'clock_timestamp',
  'current_query',
  'currtid*',
  'currval',
  'dsnowball_*',
  'gen_random_uuid',
  'lastval',
  'pg_available_wal_summaries',
  'pg_blocking_pids',
  'pg_collation_actual_version',
  'pg_control_*',
  'pg_current_wal_*',
  'pg_database_collation_actual_version',
  'pg_database_size',
  'pg_get_*',
  'pg_indexes_size',
  'pg_is_*',
  'pg_isolation_test_session_is_blocked',
  'pg_jit_available',
  'pg_last_*',
  'pg_lock_status',
  'pg_notification_queue_usage',
  'pg_partition_*',
  'pg_prepared_xact',
  'pg_relation_size',
  'pg_safe_snapshot_blocking_pids',
  'pg_sequence_last_value',
  'pg_show_replication_origin_status',
  'pg_sleep*',
  'pg_stat_clear_snapshot',
  'pg_stat_force_next_flush',
  'pg_stat_have_stats',
  'pg_table_size',
  'pg_tablespace_size',
  'pg_total_relation_size',
  'pg_wal_summary_contents',
  'pg_xact_*',
  'plpgsql_validator',
  'random*',
  'setseed',
  'suppress_redundant_updates_trigger',
  'system',
  'timeofday',
  'timezone',
  'tsvector_update_trigger*',
  'txid_status',
  'unique_key_recheck',
  'uuidv4',
  'uuidv7',
];

function matches(pattern: Pattern, name: string): boolean {
  if (pattern.startsWith('*')) return name.endsWith(pattern.slice(1));
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

const words = (text: string) => text.trim().split(/\s+/);

/** An exact name wins over the start of names. */
function effectOf(name: string): FunctionEffect | undefined {
  for (const exact of [true, false]) {
    for (const [effect, patterns] of Object.entries(effects)) {
      if (patterns.some(one => one.includes('*') !== exact && matches(one, name)))
        return effect as FunctionEffect;
    }
  }
  return undefined;
}

const tables = new Map<number, ReadonlyMap<string, FunctionEffect>>();

function tableOf(major: number): ReadonlyMap<string, FunctionEffect> {
  let table = tables.get(major);
  if (table === undefined) {
    const made = new Map<string, FunctionEffect>();
    for (const { first, last, names } of catalogFunctions) {
      if (major < first || major > last) continue;
      for (const name of words(names)) {
        const effect = effectOf(name);
        // A volatile function that nobody looked at is code that is not known: left out.
        if (effect !== undefined) made.set(name, effect);
        else if (!volatileNames.has(name) || harmless.some(one => matches(one, name))) made.set(name, 'none');
      }
    }
    table = made;
    tables.set(major, table);
  }
  return table;
}

/** What a function of `pg_catalog` does; undefined: there is none of that name, or it is not known. */
export function builtinEffect(name: string, major: number): FunctionEffect | undefined {
  return tableOf(major).get(name);
}

/** Volatile functions without effect that bear the names of many a column. */
const columnLike = new Set(['bernoulli', 'current_query', 'random', 'system', 'timezone']);

const volatileNames = new Set(words(volatileFunctions));

/** Whether a name in column notation (`(5).pg_sleep`) is told as a call: volatile, and hardly a column's name. */
export function isNotedAttribute(name: string): boolean {
  return volatileNames.has(name) && !columnLike.has(name);
}

/** Functions of well-known extensions, in whatever schema, that run text or touch the server's files. */
const extensions: readonly (readonly [Pattern, 'text' | 'server-file'])[] = [
  ['dblink*', 'text'],
  ['crosstab*', 'text'],
  ['connectby', 'text'],
  ['xpath_table', 'text'],
  ['pg_file_*', 'server-file'],
  ['pg_logdir_ls', 'server-file'],
];

export function extensionEffect(name: string): 'text' | 'server-file' | undefined {
  return extensions.find(([pattern]) => matches(pattern, name))?.[1];
}

/** Operators of `pg_catalog`, 13 to 18; `!` was a suffix up to 13. */
const operators = new Set(
  words(`
! !! !~ !~* !~~ !~~* # ## #- #> #>> % & && &< &<| &> * *< *<= *<> *= *> *>= + - -> ->> -|- / < <-> << <<=
<<| <= <> <@ <^ = > >= >> >>= >^ ? ?# ?& ?- ?-| ?| ?|| @ @-@ @> @? @@ @@@ ^ ^@ | |&> |/ |>> || ||/ ~ ~*
~<=~ ~<~ ~= ~>=~ ~>~ ~~ ~~*`),
);

export function isBuiltinOperator(name: string): boolean {
  return operators.has(name);
}
