import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { generateBody } from '../apps/admin/src/keys/keys.schemas.js';

const page = readFileSync(new URL('../docs/compatibility.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| key |'));

describe('docs/compatibility.md', () => {
  it('lists every field of a key in the column it belongs to', () => {
    const [, honoured = '', missing = ''] = (rows[0] ?? '').slice(1).split('|');
    for (const field of Object.keys(generateBody.schema.shape)) expect(honoured).toContain(`\`${field}\``);
    for (const field of generateBody.notBuilt) expect(missing).toContain(`\`${field}\``);
    for (const field of generateBody.notBuilt) expect(honoured).not.toContain(`\`${field}\``);
  });
});
