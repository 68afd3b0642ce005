/** `1.2 ms`, `3.4 s`, `5 min 6 s`, `2 h 3 min`. */
export function duration(ns: number): string {
  const ms = ns / 1e6;
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `512 B`, `1.5 kB`, `2.0 MB`. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  for (const unit of ['kB', 'MB', 'GB', 'TB']) {
    value /= 1000;
    if (value < 1000 || unit === 'TB') return `${value.toFixed(1)} ${unit}`;
  }
  return `${bytes} B`;
}

/** `2026-01-31 09:00:00Z`, in UTC; `?` for what is no time. */
export function timestamp(ms: number): string {
  return Number.isFinite(new Date(ms).getTime())
    ? `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`
    : '?';
}

/** Rows under a head, every column as wide as its widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map(row => row[column]?.length ?? 0)),
  );
  const format = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(row => `${format(row)}\n`).join('');
}
