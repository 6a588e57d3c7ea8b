// `npm run bench`: builds what is stale and measures; `npm run bench -- --help` lists the options.
import { join } from 'node:path';
import { ROOT, assertHostNode, becomeNode } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');
const node = await prepare();
await becomeNode(node, [join(ROOT, 'test', 'bench', 'run.mjs'), ...process.argv.slice(2)]);
