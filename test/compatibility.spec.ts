import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KEY_FIELDS, KEY_FIELDS_NOT_BUILT } from '../apps/admin/src/keys/keys.schemas.js';

const page = readFileSync(new URL('../docs/compatibility.md', import.meta.url), 'utf8');
const rows = page.split('\n').filter((line) => line.startsWith('| key |'));

describe('docs/compatibility.md', () => {
  it('lists every field of a key in the column it belongs to', () => {
    const [, honoured = '', missing = ''] = (rows[0] ?? '').slice(1).split('|');
    for (const field of Object.keys(KEY_FIELDS)) expect(honoured).toContain(`\`${field}\``);
    for (const field of KEY_FIELDS_NOT_BUILT) expect(missing).toContain(`\`${field}\``);
    for (const field of KEY_FIELDS_NOT_BUILT) expect(honoured).not.toContain(`\`${field}\``);
  });
});
