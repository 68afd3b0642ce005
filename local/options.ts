/** The command line of `npm start`. */
import { resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { portOffsets } from './stack-ports.ts';

export interface StartOptions {
  readonly dataDir: string;
  readonly portBase: number;
  readonly readyFile: string | undefined;
  readonly config: string | undefined;
  readonly reset: boolean;
}

const defaultDataDir = '.sallyport';
/** Makes the gateway's PostgreSQL port 15432, which is easily remembered. */
export const defaultPortBase = 15_400;

const examples = `
Examples:
  npm start                                     everything, with data under ./.sallyport
  npm start -- --reset                          the same, from the beginning
  npm start -- --port-base 16400                on other ports: PostgreSQL through the gateway on 16432
  npm start -- --data-dir /tmp/a --ready-file /tmp/a.json --port-base 17400
                                                for a script, which waits for the file

Ports are the base plus: ${Object.entries(portOffsets)
  .map(([name, offset]) => `${name} ${offset}`)
  .join(', ')}.
Ctrl-C ends everything and keeps the data; a second Ctrl-C does not wait.`;

/**
 * @returns the options, or the exit status when there is nothing more to do (`--help`, a mistake that was told)
 */
export function readOptions(args: readonly string[], cwd: string): StartOptions | number {
  const command = new Command('npm start --')
    .description(
      'Runs Sallyport on this machine: the gateway, a sample PostgreSQL, and stand-ins for the cloud.',
    )
    .option('--reset', 'remove all data of an earlier start first', false)
    .option('--data-dir <folder>', 'where data is kept', defaultDataDir)
    .option(
      '--port-base <number>',
      'ports are this plus fixed distances; 0: any free ones',
      portBase,
      defaultPortBase,
    )
    .option('--ready-file <file>', 'write how to reach everything here (JSON), once all of it serves')
    .option('--config <folder>', 'policies and targets; by default those of this repository')
    .allowExcessArguments(false)
    .addHelpText('after', examples)
    .exitOverride();
  try {
    command.parse(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  const given = command.opts<{
    reset: boolean;
    dataDir: string;
    portBase: number;
    readyFile?: string;
    config?: string;
  }>();
  const path = (value: string | undefined) => (value === undefined ? undefined : resolve(cwd, value));
  return {
    reset: given.reset,
    portBase: given.portBase,
    dataDir: resolve(cwd, given.dataDir),
    readyFile: path(given.readyFile),
    config: path(given.config),
  };
}

function portBase(text: string): number {
  const highest = 65_535 - Math.max(...Object.values(portOffsets));
  const value = Number(text);
  if (/^\d+$/.test(text) && (value === 0 || (value >= 1024 && value <= highest))) return value;
  throw new InvalidArgumentError(`It must be 0, or a number from 1024 to ${highest}.`);
}
