import type { Transcript, TranscriptOptions } from '#cli/replay/events.ts';
import { PostgresTranscript } from '#cli/replay/postgres.ts';
import { SshTranscript } from '#cli/replay/ssh/transcript.ts';

/** How the bytes of each protocol are read, by the name in the open record. A protocol is one line. */
export const transcripts: Readonly<Record<string, (options: TranscriptOptions) => Transcript>> = {
  postgres: options => new PostgresTranscript(options),
  ssh: options => new SshTranscript(options),
};
