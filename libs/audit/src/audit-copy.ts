const SECRET_NAME = /token|secret|password|credential|api_?key|private_?key|authorization/i;
/** Anything that looks like a key of ours or of a provider, wherever somebody put it (metadata, aliases). */
const SECRET_VALUE = /\b(sk|pk|rk|ghp|xox[abp]|AKIA)[-_]?[A-Za-z0-9_-]{12,}/g;

/** A plain JSON copy: dates as ISO text, amounts as decimal text, secrets as `[masked]`, no NUL characters. */
export function auditCopy(value: object): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value, maskMember)) as Record<string, unknown>;
}

function maskMember(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return value;
  if (SECRET_NAME.test(name)) return '[masked]';
  return typeof value === 'string' ? value.replaceAll('\0', '').replace(SECRET_VALUE, '[masked]') : value;
}
