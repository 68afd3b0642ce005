import type { Collector } from '#lib/sql/collector.ts';
import { quoteName } from '#lib/sql/names.ts';

/** Settings that decide how later texts are read. Names of settings are compared without case. */
const decideReading: ReadonlySet<string> = new Set([
  'search_path',
  'standard_conforming_strings',
  'client_encoding',
  'role',
  'session_authorization',
]);

/** Setting these is acting as another role, in whatever words. */
const takeRole: ReadonlySet<string> = new Set(['role', 'session_authorization']);

/**
 * A setting is set, or set back.
 * @param value where it is a literal and there is just one; undefined: something else
 */
export function applySetting(collector: Collector, setting: string, value: string | undefined): void {
  const name = setting.toLowerCase();
  if (decideReading.has(name)) collector.settings = true;
  if (takeRole.has(name)) {
    collector.literalsMatter = true;
    collector.add('role', value === undefined ? [] : [quoteName(value)]);
  } else {
    collector.add('set', [name]);
  }
}
