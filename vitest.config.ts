import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('.', import.meta.url));

/** One alias stands for the subpath imports of package.json, so that tests run from the sources. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^#libs\/(.+)$/, replacement: `${root}libs/$1/src/index.ts` },
      { find: /^#apps\/(.+)$/, replacement: `${root}apps/$1/src/index.ts` },
    ],
  },
  test: {
    include: ['src/**/*.spec.ts', 'apps/**/*.spec.ts', 'libs/**/*.spec.ts', 'test/*.spec.ts'],
    environment: 'node',
    testTimeout: 20_000,
  },
});
