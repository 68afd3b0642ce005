/** What a process keeps: its heap after a collection, asked of it through Node.js's inspector. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

/** `NODE_OPTIONS` of a process that is to be asked. */
export const inspected = '--inspect=127.0.0.1:0';

/**
 * Bytes of the heap that are in use after a collection.
 *
 * @param logFile where the process says at which address its inspector listens, before its children do
 */
export async function heapInUse(logFile: string): Promise<number> {
  const address = /Debugger listening on (ws:\S+)/.exec(await readFile(logFile, 'utf8'))?.[1];
  if (address === undefined) throw new Error(`no inspector listens, by ${logFile}`);
  const socket = new WebSocket(address);
  await once(socket, 'open');
  const call = async (id: number, method: string, params = {}) => {
    socket.send(JSON.stringify({ id, method, params }));
    for (;;) {
      const [event] = (await once(socket, 'message')) as [{ data: string }];
      const answer = JSON.parse(event.data);
      if (answer.id === id) return answer.result;
    }
  };
  try {
    // Twice: what a first collection finalises, a second one frees.
    await call(1, 'HeapProfiler.collectGarbage');
    await call(2, 'HeapProfiler.collectGarbage');
    return (await call(3, 'Runtime.getHeapUsage')).usedSize;
  } finally {
    socket.close();
  }
}
