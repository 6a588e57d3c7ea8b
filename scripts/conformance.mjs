// `npm run conformance -- --base-url URL --master-key KEY`: how exact the limits of a running gateway are; see --help.
import { join } from 'node:path';
import { ROOT, assertHostNode, run } from './runtime.mjs';

assertHostNode();
const file = join(ROOT, 'test', 'conformance', 'limits.mjs');
process.exitCode = await run(process.execPath, [file, ...process.argv.slice(2)], { limitMs: 60 * 60_000 });
