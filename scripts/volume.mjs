// `npm run volume`: builds what is stale, fills a database and measures lists and reports; `npm run volume -- --help` lists the options.
import { join } from 'node:path';
import { ROOT, assertHostNode, becomeNode } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');
const node = await prepare();
await becomeNode(node, [join(ROOT, 'test', 'volume', 'run.mjs'), ...process.argv.slice(2)]);
