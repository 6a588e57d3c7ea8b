import { readFileSync } from 'node:fs';

/** The version in package.json, two folders above the built file. */
export function productVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return (manifest as { version: string }).version;
}

/** The Node that the product is built and tested on; an older one lacks modules it imports. */
const NODE_MAJOR = 24;

/** Why this Node cannot run the product; undefined when it can. */
export function findNodeProblem(): string | undefined {
  const { node } = process.versions;
  return Number(node.split('.')[0]) < NODE_MAJOR
    ? `Node ${node} is too old for this: npx tollgate and npm start bring their own, or use Node ${NODE_MAJOR}.`
    : undefined;
}
