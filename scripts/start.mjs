#!/usr/bin/env node
// `npm start` and `npx tollgate`: installs what is missing, builds what is stale, hands over to the bundled Node. Dependency-free; runs on Node >= 20.19.
import { MAIN, NODE_FLAGS, assertHostNode, becomeNode } from './runtime.mjs';

assertHostNode();
const { prepare } = await import('./prepare.mjs');
const node = await prepare();
await becomeNode(node, [...NODE_FLAGS, MAIN, ...process.argv.slice(2)]);
