/** `npm run build`: the gateway task, into dist/gateway-task. */
import { fileURLToPath } from 'node:url';
import { bundleGateway } from './bundle.ts';

const folder = fileURLToPath(new URL('../../dist/gateway-task', import.meta.url));
const { main } = await bundleGateway(folder);
process.stdout.write(`${main}\n`);
