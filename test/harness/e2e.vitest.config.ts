import { fileURLToPath } from 'node:url';
import { mergeConfig } from 'vitest/config';
import unit from '../../vitest.config.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Everything that needs a real PostgreSQL, Redis or started product. Each file brings its own services on free ports. */
export default mergeConfig(
  { ...unit, test: { ...unit.test, include: [] } },
  {
    root,
    test: {
      include: ['{src,apps,libs}/**/*.e2e-spec.ts', 'test/**/*.e2e-spec.ts'],
      exclude: ['**/node_modules/**', 'dist/**', 'test/chaos/**', 'test/bench/**'],
      // Two cores are what CI has; a third worker only makes time limits lie.
      maxWorkers: 2,
      testTimeout: 60_000,
      hookTimeout: 180_000,
      teardownTimeout: 30_000,
    },
  },
);
