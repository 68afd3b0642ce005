/** So many schemas that do not exist are candidates. Past that the path is not known. */
const maxCandidates = 50;

/** PostgreSQL cuts longer names. */
const maxNameBytes = 63;

/**
 * Schemas that unqualified names may be looked up in, in order, from what the server says of them. Those that
 * `search_path` lists but that do not exist, or may not be used, are among them: another session may make one,
 * rename one or grant its use at any moment, and the server then takes it without a word. `"$user"` alone is not,
 * since it stands in the default and hardly any target has such a schema: what is known of the path is asked again
 * when it is old, and until then a schema made for the login itself goes unnoticed.
 *
 * @param effective what `current_schemas(true)` gives
 * @param setting `search_path` as the server writes it, ASCII
 * @returns undefined for a setting that cannot be read, or lists too much that does not exist
 */
export function pathOf(effective: readonly string[], setting: string): readonly string[] | undefined {
  const listed = splitSetting(setting);
  if (listed === undefined) return undefined;
  const known = new Set(effective);
  const candidates = new Set(listed.filter(name => name !== '$user' && !known.has(name)));
  if (candidates.size === 0) return effective;
  if (candidates.size > maxCandidates) return undefined;
  // Where pg_catalog is not listed it comes first, whatever else there is.
  const catalog = listed.indexOf('pg_catalog');
  const hides = listed.slice(0, Math.max(catalog, 0)).some(name => candidates.has(name));
  return hides ? [...candidates, ...effective] : [...effective, ...candidates];
}

/** As `SplitIdentifierString` reads it: names and quoted names, parted by commas. */
function splitSetting(setting: string): readonly string[] | undefined {
  const names: string[] = [];
  if (/^\s*$/.test(setting)) return names;
  const name = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(,|$)/y;
  for (;;) {
    const found = name.exec(setting);
    if (found === null) return undefined;
    const [, quoted, plain, end] = found;
    const whole = quoted !== undefined ? quoted.replaceAll('""', '"') : (plain as string).toLowerCase();
    names.push(whole.slice(0, maxNameBytes));
    if (end === '') return names;
  }
}
