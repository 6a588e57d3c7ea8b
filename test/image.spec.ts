import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

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

interface Manifest {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly automountServiceAccountToken: boolean;
        readonly securityContext: { readonly runAsUser: number; readonly runAsNonRoot: boolean };
        readonly containers: readonly [
          {
            readonly env?: object;
            readonly args: readonly string[];
            readonly securityContext: object;
            readonly resources: { readonly limits: object };
            readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
            readonly lifecycle: {
              readonly preStop: { readonly exec: { readonly command: readonly string[] } };
            };
            readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string } };
          },
        ];
      };
    };
    readonly volumeClaimTemplates: readonly { readonly metadata: { readonly name: string } }[];
  };
}

describe('the Kubernetes manifests', () => {
  const documents = parseAllDocuments(read('kubernetes/tollgate.yaml')).map(
    (document) => document.toJS() as Manifest,
  );
  const set = documents.find(({ kind }) => kind === 'StatefulSet');
  if (!set) throw new Error('no StatefulSet');
  const pod = set.spec.template.spec;
  const [container] = pod.containers;

  it('give a pod time to be forgotten, to drain, and to close', () => {
    const pauseSeconds = Number(container.lifecycle.preStop.exec.command[1]);
    const drainSeconds = 25;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(pauseSeconds + drainSeconds + 10);
  });

  it('keep the spool on a volume of each replica', () => {
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === '/data');
    expect(set.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toContain(mount?.name);
    expect(container.args).toContain('/data');
  });

  it('ask whether it lives where no store is asked, and whether it is ready where they are', () => {
    expect(container.livenessProbe?.httpGet.path).toBe('/health/liveliness');
    expect(container.readinessProbe?.httpGet.path).toBe('/health/readiness');
    expect(container.startupProbe?.httpGet.path).toBe('/health/readiness');
  });

  it('give it no rights, and no secret in the manifest', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.limits).toHaveProperty('memory');
    expect(container.env).toBeUndefined();
    expect(documents.map(({ kind }) => kind)).not.toContain('Secret');
  });
});
