/**
 * Plays an asciicast with asciinema's own player, without its screen. The terminal program that plays version 3
 * (asciinema 3) is in no release of Debian; its parser and clock are the player's.
 * https://docs.asciinema.org/manual/asciicast/v3/
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What the player did, in order. */
export type PlayerEvent =
  | { readonly kind: 'reset'; readonly cols: number; readonly rows: number }
  | { readonly kind: 'output'; readonly text: string }
  | { readonly kind: 'resize'; readonly cols: number; readonly rows: number }
  | { readonly kind: 'marker'; readonly label: string; readonly timeMs: number };

export interface Played {
  readonly durationMs: number;
  readonly events: readonly PlayerEvent[];
}

/** The part of the player that draws nothing. Not its public interface: the version is pinned. */
interface Core {
  addEventListener(name: string, handler: (event: Readonly<Record<string, unknown>>) => void): void;
  terminalReady(): void;
  init(): Promise<void>;
  play(): Promise<void>;
}
type CoreClass = new (source: { data: string }, options: object) => Core;

/** Fast enough that a day is over in less than a second. */
const speed = 200_000;

/** @throws Error with the player's own words when it cannot read the cast */
export async function play(cast: string): Promise<Played> {
  const faults: string[] = [];
  const note = (...words: unknown[]) => void faults.push(words.map(String).join(' '));
  const logger = { debug: () => {}, info: () => {}, warn: note, error: note };
  const Player = await loadCore();
  const core = new Player({ data: cast }, { logger, speed, preload: true, idleTimeLimit: undefined });
  const events: PlayerEvent[] = [];
  let durationMs = 0;
  const ended = new Promise<void>((resolve, reject) => {
    core.addEventListener('ended', () => resolve());
    core.addEventListener('error', event =>
      reject(new Error(`${JSON.stringify(event)} ${faults.join(' ')}`)),
    );
  });
  // Whoever awaits it comes after an error of `init`.
  ended.catch(() => {});
  core.addEventListener('metadata', ({ duration }) => {
    durationMs = Math.round(Number(duration) * 1000);
  });
  core.addEventListener('reset', ({ size }) => {
    events.push({ kind: 'reset', ...(size as { cols: number; rows: number }) });
  });
  core.addEventListener('output', event => {
    events.push({ kind: 'output', text: String((event as unknown as readonly string[])[0]) });
  });
  core.addEventListener('resize', ({ cols, rows }) => {
    events.push({ kind: 'resize', cols: Number(cols), rows: Number(rows) });
  });
  core.addEventListener('marker', ({ label, time }) => {
    events.push({ kind: 'marker', label: String(label), timeMs: Math.round(Number(time) * 1000) });
  });
  core.terminalReady();
  await core.init();
  await core.play();
  await ended;
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return { durationMs, events };
}

/** The player expects a page around it. */
async function loadCore(): Promise<CoreClass> {
  const page = globalThis as { window?: object; document?: object };
  page.window ??= { setTimeout, clearTimeout, setInterval, clearInterval, performance };
  page.document ??= { baseURI: 'http://localhost/' };
  const folder = dirname(createRequire(import.meta.url).resolve('asciinema-player'));
  const file = readdirSync(folder).find(name => /^core-.*\.js$/.test(name));
  if (file === undefined) throw new Error('asciinema-player is not of the version that is pinned');
  const { C } = (await import(pathToFileURL(join(folder, file)).href)) as { C: CoreClass };
  return C;
}
