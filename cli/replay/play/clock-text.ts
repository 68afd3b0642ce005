import { InvalidArgumentError } from 'commander';

/** `90`, `90s`, `2m`, `1:30`, `1:02:03` as milliseconds. */
export function timeInto(text: string): number {
  const [, plain, unit = 's'] = /^(\d{1,7}(?:\.\d{1,3})?)([smh]?)$/.exec(text) ?? [];
  if (plain !== undefined)
    return Number(plain) * { s: 1e3, m: 60e3, h: 3600e3 }[(unit || 's') as 's' | 'm' | 'h'];
  const [, hours = '0', minutes, seconds] = /^(?:(\d{1,4}):)?(\d{1,3}):(\d{2})$/.exec(text) ?? [];
  if (minutes !== undefined) return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1e3;
  throw new InvalidArgumentError('Write a time like 90, 2m or 1:30.');
}
