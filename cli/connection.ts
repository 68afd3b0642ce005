import { type Command, Option } from 'commander';
import { z } from 'zod';
import type { Io } from '#cli/io.ts';
import { UsageError } from '#cli/usage-error.ts';
import { secureUrl } from '#lib/secure-url.ts';

export const defaultReadyFile = './.sallyport/ready.json';

/** The parts of the ready file that verbs use; docs: "For scripts". Other parts pass through unread. */
const readyFileSchema = z.object({
  gateway: z.object({
    postgres: z.object({ host: z.string(), port: z.int() }).optional(),
    ssh: z.object({ host: z.string(), port: z.int(), knownHostsFile: z.string() }).optional(),
    ca: z.string().optional(),
  }),
  people: z.record(z.string(), z.object({ email: z.string(), token: z.string() })),
  control: z.object({ url: z.string() }),
});
export type ReadyFile = Readonly<z.output<typeof readyFileSchema>>;

export interface ConnectionOptions {
  readonly readyFile?: string;
  readonly as?: string;
}

/** Where the control plane is, and as whom to speak to it. */
export interface Connection {
  readonly url: URL;
  /** An access token. */
  readonly token: string;
  /** Where the gateway is, when a ready file says so. */
  readonly gateway?: ReadyFile['gateway'];
}

/** Gives a verb the options that say where to connect. */
export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option('--ready-file <file>', `written by "npm start" (default: ${defaultReadyFile})`).env(
        'SALLYPORT_READY_FILE',
      ),
    )
    .addOption(new Option('--as <name>', 'a person of the ready file: dev, dba, …').env('SALLYPORT_AS'))
    .addHelpText(
      'after',
      '\nWithout a ready file: SALLYPORT_URL (the control plane) and SALLYPORT_TOKEN (an access token).',
    );
}

/**
 * Options first, then SALLYPORT_URL with SALLYPORT_TOKEN, then the ready file in its usual place.
 *
 * @throws {UsageError} that says what is missing and how to give it.
 */
export async function connect(options: ConnectionOptions, io: Io): Promise<Connection> {
  const { SALLYPORT_URL: url, SALLYPORT_TOKEN: token } = io.env;
  if (options.readyFile === undefined && url) {
    if (!token)
      throw new UsageError('SALLYPORT_URL is set, SALLYPORT_TOKEN is not: set it to an access token.');
    return { url: trusted(url, 'SALLYPORT_URL'), token };
  }
  const file = options.readyFile ?? defaultReadyFile;
  const ready = await readReadyFile(file, io);
  const names = Object.keys(ready.people);
  const person =
    options.as !== undefined && Object.hasOwn(ready.people, options.as) && ready.people[options.as];
  if (!person) {
    throw new UsageError(`Say as whom: --as ${names.join(', --as ')} (or set SALLYPORT_AS).`);
  }
  return {
    url: trusted(ready.control.url, `control.url in ${file}`),
    token: person.token,
    gateway: ready.gateway,
  };
}

/** @throws {UsageError} when there is none or it is not one. */
export async function readReadyFile(file: string, io: Pick<Io, 'readFile'>): Promise<ReadyFile> {
  const text = await io.readFile(file).catch(() => {
    throw new UsageError(
      `${file} cannot be read: is "npm start" running? Name another with --ready-file, or set SALLYPORT_URL and SALLYPORT_TOKEN.`,
    );
  });
  const ready = readyFileSchema.safeParse(parseJson(text));
  if (ready.success) return ready.data;
  throw new UsageError(`${file} is not a ready file of this version of Sallyport.`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The token goes along with every request. */
function trusted(url: string, name: string): URL {
  try {
    return secureUrl(url, name);
  } catch (error) {
    throw new UsageError((error as TypeError).message);
  }
}
