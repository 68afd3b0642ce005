/** The stand-in as a process of its own, so that it can be killed. Ended by whoever started it. */
import { startAws } from '#local/aws/server.ts';
import { administrator, region } from './endpoint.ts';

const dataDir = process.argv[2];
if (dataDir === undefined) throw new TypeError('usage: child.ts FOLDER');
const aws = await startAws({ dataDir, region, roles: [administrator] });
process.send?.(aws.endpoint);
process.once('disconnect', () => process.exit());
