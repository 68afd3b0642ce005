/**
 * What a client may ask for as it opens a session. What comes later by SET is a statement, and policy decides
 * it; what comes in the start-up packet is not, so only settings that cannot give a client more than it has,
 * nor change how text is read behind the gateway's back, are let through.
 */

const allowed: ReadonlySet<string> = new Set([
  'application_name',
  'backslash_quote',
  'bytea_output',
  'check_function_bodies',
  'client_encoding',
  'client_min_messages',
  'constraint_exclusion',
  'cursor_tuple_fraction',
  'datestyle',
  'deadlock_timeout',
  'default_statistics_target',
  'default_transaction_deferrable',
  'default_transaction_isolation',
  'default_transaction_read_only',
  'effective_cache_size',
  'enable_bitmapscan',
  'enable_hashagg',
  'enable_hashjoin',
  'enable_indexonlyscan',
  'enable_indexscan',
  'enable_material',
  'enable_mergejoin',
  'enable_nestloop',
  'enable_partition_pruning',
  'enable_partitionwise_aggregate',
  'enable_partitionwise_join',
  'enable_seqscan',
  'enable_sort',
  'enable_tidscan',
  'escape_string_warning',
  'extra_float_digits',
  'from_collapse_limit',
  'geqo',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'intervalstyle',
  'jit',
  'join_collapse_limit',
  'lc_messages',
  'lc_monetary',
  'lc_numeric',
  'lc_time',
  'lock_timeout',
  'maintenance_work_mem',
  'max_parallel_workers_per_gather',
  'plan_cache_mode',
  'quote_all_identifiers',
  'random_page_cost',
  'row_security',
  'search_path',
  'seq_page_cost',
  'standard_conforming_strings',
  'statement_timeout',
  'synchronous_commit',
  'synchronize_seqscans',
  'tcp_keepalives_count',
  'tcp_keepalives_idle',
  'tcp_keepalives_interval',
  'tcp_user_timeout',
  'temp_buffers',
  'timezone',
  'transaction_timeout',
  'work_mem',
  'xmlbinary',
  'xmloption',
]);

/** Fields of the packet that are no settings. */
const fieldsOfPacket: ReadonlySet<string> = new Set(['user', 'database', 'options', 'replication']);

const instead = 'Use SET after signing in, where policy decides it.';

/**
 * @param parameters of the start-up packet, names as they came
 * @returns a sentence for the client when the session must not be opened like this; undefined when it may
 */
export function checkStartupParameters(parameters: ReadonlyMap<string, string>): string | undefined {
  const replication = parameters.get('replication');
  if (replication !== undefined && !isOff(replication)) return 'Replication connections are not supported.';

  const options = optionSettings(parameters.get('options') ?? '');
  if (typeof options === 'string') return options;
  for (const [name, value] of options) {
    const refusal = checkSetting(name, value);
    if (refusal !== undefined) return refusal;
  }
  for (const [name, value] of parameters) {
    if (fieldsOfPacket.has(name) || name.startsWith('_pq_.')) continue;
    const refusal = checkSetting(name, value);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

function checkSetting(name: string, value: string): string | undefined {
  const lower = name.toLowerCase();
  if (!allowed.has(lower)) return `The setting ${shown(name)} cannot be given at start-up. ${instead}`;
  if (lower === 'standard_conforming_strings' && !isOn(value)) {
    return `standard_conforming_strings must be on at start-up. ${instead}`;
  }
  return undefined;
}

/**
 * The settings in the packet's `options`, as `pg_split_opts` and `process_postgres_switches` read them: words
 * parted by white space, a backslash taking the next character as it is, `-c name=value` or `--name=value`.
 * Every other switch changes how the server runs.
 *
 * @returns the settings in order, or a sentence that says what is wrong
 */
export function optionSettings(options: string): readonly (readonly [string, string])[] | string {
  const settings: (readonly [string, string])[] = [];
  const words = splitOptions(options);
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] as string;
    let setting: string | undefined;
    if (word.startsWith('--')) setting = word.slice(2);
    else if (word.startsWith('-c')) {
      if (word === '-c') i += 1;
      setting = word === '-c' ? words[i] : word.slice(2);
    }
    const equals = setting?.indexOf('=') ?? -1;
    if (setting === undefined || equals < 1) {
      return `The option ${shown(word)} is not of the form "-c name=value" or "--name=value".`;
    }
    // Dashes in the name stand for underscores, in both forms.
    settings.push([setting.slice(0, equals).replaceAll('-', '_'), setting.slice(equals + 1)]);
  }
  return settings;
}

function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < options.length; i += 1) {
    let character = options[i] as string;
    if (/[ \t\n\r\f\v]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    if (character === '\\') {
      i += 1;
      // A backslash at the very end stands for nothing.
      character = options[i] ?? '';
    }
    word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** As `parse_bool` reads it: any case, cut short as long as it is unmistakable. */
function isOff(value: string): boolean {
  return ['f', 'fa', 'fal', 'fals', 'false', 'n', 'no', 'of', 'off', '0'].includes(value.toLowerCase());
}

function isOn(value: string): boolean {
  return ['t', 'tr', 'tru', 'true', 'y', 'ye', 'yes', 'on', '1'].includes(value.toLowerCase());
}

function shown(name: string): string {
  return `"${name.slice(0, 64).replace(/[^\x20-\x7e]/g, '?')}"`;
}
