import { call } from '#cli/call.ts';
import type { Connection } from '#cli/connection.ts';
import { type Io, processIo } from '#cli/io.ts';
import { type SessionsAnswer, sessionsAnswerSchema } from '#lib/aws/control-api.ts';

/** Who is connected now, oldest first, for `sallyport sessions --live`. Throws `Failure`. */
export function listLiveSessions(
  connection: Connection,
  io: Pick<Io, 'fetch'> = processIo,
): Promise<SessionsAnswer> {
  return call(connection, io, { method: 'GET', path: '/v1/sessions', answer: sessionsAnswerSchema });
}
