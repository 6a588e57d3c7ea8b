import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`../docker/${path}`, import.meta.url)), 'utf8');
const dockerfile = read('Dockerfile').replace(/\\\n\s*/g, ' ');
const instructions = dockerfile.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const finalStage = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));

interface ComposeService {
  readonly image: string;
  readonly read_only?: boolean;
  readonly ports?: readonly string[];
  readonly healthcheck?: object;
  readonly security_opt?: readonly string[];
  readonly environment?: object;
  readonly env_file?: string;
}
const compose = parse(read('docker-compose.yml')) as { services: Record<string, ComposeService> };

describe('the image', () => {
  it('runs as a user that is not root, named by number', () => {
    expect(finalStage.findLast((line) => line.startsWith('USER '))).toMatch(/^USER [1-9]\d*:[1-9]\d*$/);
  });

  it('pins its base images', () => {
    const bases = instructions
      .filter((line) => line.startsWith('FROM '))
      .map((line) => line.split(' ')[1] ?? '');
    const stages = new Set([...dockerfile.matchAll(/ AS (\w+)$/gm)].map(([, name]) => name));
    const foreign = bases.filter((base) => !stages.has(base));
    expect(foreign.length).toBeGreaterThan(0);
    for (const base of foreign) expect(base).toMatch(/^node:24\.\d+.*-slim$/);
  });

  it('says when it is unhealthy, without a shell', () => {
    const check = finalStage.find((line) => line.startsWith('HEALTHCHECK '));
    expect(check).toContain('/health/liveliness');
    expect(check).toMatch(/CMD \["node", /);
  });

  it('is started without a shell, so that signals reach the product', () => {
    expect(finalStage.find((line) => line.startsWith('ENTRYPOINT '))).toMatch(/^ENTRYPOINT \["node", /);
  });

  it('listens for others and is in production mode', () => {
    expect(dockerfile).toMatch(/NODE_ENV=production/);
    expect(dockerfile).toMatch(/HOST=0\.0\.0\.0/);
  });

  /** `COPY .` would take a developer's .env, data directory and history into a layer that is pushed somewhere. */
  it('takes only what it names, and no secret', () => {
    for (const line of instructions.filter((each) => /^(COPY|ADD) /.test(each))) {
      expect(line).not.toMatch(/^ADD |\s\.\s|\.env|\.tollgate/);
    }
    expect(dockerfile).not.toMatch(/(KEY|SECRET|PASSWORD|TOKEN)=/i);
  });

  it('carries nothing but what production needs', () => {
    expect(finalStage.join('\n')).not.toMatch(/npm/);
    expect(dockerfile).toMatch(/npm ci --omit=dev --ignore-scripts/);
  });
});

describe('the compose file', () => {
  it.each(Object.entries(compose.services))(
    'keeps %s read-only, pinned and without new privileges',
    (_, service) => {
      expect(service.read_only).toBe(true);
      expect(service.image).toMatch(/:[\w.-]+$/);
      expect(service.image).not.toMatch(/:latest$/);
      expect(service.security_opt).toContain('no-new-privileges:true');
      expect(service.environment).toBeUndefined();
    },
  );

  it('opens only the gateway, and only to this host', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    expect(ports).toEqual(['127.0.0.1:4000:4000']);
  });

  it('shows the master key and the keys of providers to nobody but the gateway', () => {
    const readers = Object.entries(compose.services).filter(
      ([, { env_file }]) => env_file === 'tollgate.env',
    );
    expect(readers.map(([name]) => name)).toEqual(['tollgate']);
    expect(read('postgres.env.template')).not.toMatch(/_KEY=/);
  });

  it('waits for stores that say they are healthy', () => {
    expect(compose.services.postgres?.healthcheck).toBeDefined();
    expect(compose.services.redis?.healthcheck).toBeDefined();
  });
});
