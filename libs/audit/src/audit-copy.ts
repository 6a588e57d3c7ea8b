import { withoutKeys } from '#libs/kernel';

const SECRET_NAME = /token|secret|password|credential|api_?key|private_?key|authorization/i;

/** A plain JSON copy: dates as ISO text, amounts as decimal text, secrets as `[masked]`, no NUL characters. */
export function auditCopy(value: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value, maskMember)) as Record<string, unknown>;
}

function maskMember(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return value;
  if (SECRET_NAME.test(name)) return '[masked]';
  return typeof value === 'string' ? withoutKeys(value.replaceAll('\0', '')) : value;
}
