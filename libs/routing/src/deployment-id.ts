import { hash } from 'node:crypto';
import { Secret } from '#libs/kernel';

/**
 * The id of a deployment that names none: SHA-256 of its group and parameters, the same on every replica and after every
 * restart. Secrets take part by their own digest, so that two accounts of one model stay two deployments and the id
 * does not become an oracle for a guessed key beyond its own entropy.
 */
export function deploymentId(group: string, params: Readonly<Record<string, unknown>>): string {
  return hash('sha256', `${group}\n${canonical(params)}`);
}

function canonical(value: unknown): string {
  if (value instanceof Secret) return `"secret:${hash('sha256', value.reveal())}"`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
