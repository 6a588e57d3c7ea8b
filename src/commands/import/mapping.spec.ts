import { readLiteLLMCiphertext } from '#libs/database';
import { Secret } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { anchorOf, limitsOf, metadataOf } from './limits.js';
import { openSealed } from './models.js';
import { Omissions } from './omissions.js';
import { entriesOf } from './spend.js';
import { cap, count, instant, spent } from './values.js';

function noting(): { notes: string[]; note: (what: string) => void } {
  const notes: string[] = [];
  return { notes, note: (what) => notes.push(what) };
}

describe('amounts of an import', () => {
  it('become nano-dollars, exactly where a double is exact', () => {
    const { notes, note } = noting();
    expect(cap(0.1, 'max_budget', note)).toBe(100_000_000n);
    expect(cap(1e-7, 'max_budget', note)).toBe(100n);
    expect(cap(null, 'max_budget', note)).toBeNull();
    expect(cap(0, 'max_budget', note)).toBe(0n);
    expect(notes).toEqual([]);
  });

  it.each([-1, 'NaN', 'Infinite'])('block and are named where they are none: %s', (value) => {
    const { notes, note } = noting();
    expect(cap(value, 'max_budget', note)).toBe(0n);
    expect(notes).toHaveLength(1);
  });

  it('stay caps where they are beyond every budget, and spend is never negative', () => {
    const { notes, note } = noting();
    expect(cap('Infinity', 'max_budget', note)).toBe(1_000_000_000_000_000_000n);
    expect(notes).toHaveLength(1);
    expect(spent(-3)).toBe(0n);
    expect(spent('1.25')).toBe(1_250_000_000n);
    expect(count(-1)).toBe(0);
    expect(count(9e12)).toBe(2_147_483_647);
  });
});

describe('limits of an import', () => {
  it('come from columns and from metadata, in each of the spellings', () => {
    const { notes, note } = noting();
    const limits = limitsOf(
      {
        max_budget: 5,
        budget_duration: 'monthly',
        rpm_limit: 0,
        tpm_limit: 1e12,
        budget_limits: [{ budget_duration: '1d', max_budget: 1 }],
        model_max_budget: { a: { budget_limit: 2, time_period: '7d', rpm_limit: 3 }, b: 4 },
        metadata: {
          model_rpm_limit: { c: 6 },
          temp_budget_increase: 9,
          temp_budget_expiry: '2030-01-01T00:00:00',
        },
      },
      note,
    );
    expect(limits).toMatchObject({
      maxBudgetNano: 5_000_000_000n,
      budgetDuration: '1mo',
      rpmLimit: 0,
      tpmLimit: 1e12,
      budgetWindows: [{ capNano: '1000000000', duration: '1d' }],
      modelBudgets: {
        a: { capNano: '2000000000', duration: '7d' },
        b: { capNano: '4000000000', duration: null },
      },
      modelRpmLimits: { a: 3, c: 6 },
      tempBudgetNano: 9_000_000_000n,
      tempBudgetEndsAt: new Date('2030-01-01T00:00:00Z'),
    });
    expect(notes).toEqual([]);
  });

  it('name a period that cannot be read: the budget then never starts again', () => {
    const { notes, note } = noting();
    expect(limitsOf({ max_budget: 1, budget_duration: 'soon' }, note).budgetDuration).toBeNull();
    expect(notes[0]).toContain('budget_duration');
  });

  it('leave no member in metadata that would look as if it counted', () => {
    const { notes, note } = noting();
    const row = {
      metadata: { mine: 1, guardrails: ['pii'], model_rpm_limit: { a: 1 }, tags: ['x'], policies: [] },
    };
    expect(metadataOf(row, ['tags'], note)).toEqual({ mine: 1 });
    expect(notes).toEqual(['guardrails is not there yet']);
  });

  it('read instants as UTC, and start periods where they started there', () => {
    expect(instant('2026-01-02T03:04:05.678')).toEqual(new Date('2026-01-02T03:04:05.678Z'));
    expect(anchorOf({ budget_duration: '5d', budget_reset_at: '2026-01-11T00:00:00' })).toEqual(
      new Date('2026-01-06T00:00:00Z'),
    );
  });
});

describe('spend of an import', () => {
  const rules = { timezone: 'UTC', resetTime: '00:00' };
  const nowMs = Date.UTC(2026, 5, 15);
  const draft = {
    id: 'k', name: 'k', identity: {}, once: {}, spend: { currentNano: 2n, everNano: 9n, resetAt: null },
  }; // prettier-ignore
  const none = (): undefined => undefined;

  it('counts in the period that the budget is in, and ever', () => {
    const columns = { maxBudgetNano: 10n, budgetDuration: '1mo' };
    expect(entriesOf({ ...draft, columns }, none, rules, nowMs)).toMatchObject([
      { budget: 'total', nano: 9n },
      { budget: 'main', nano: 2n },
    ]);
  });

  it('is what LiteLLM judged by, where the budget never starts again', () => {
    expect(entriesOf({ ...draft, columns: { maxBudgetNano: 10n } }, none, rules, nowMs)).toMatchObject([
      { budget: 'total', nano: 2n },
    ]);
  });

  it('counts in the period of a linked budget, and not when that period is over', () => {
    const linked = (): object => ({ maxBudgetNano: 10n, budgetDuration: '1d' });
    const columns = { budgetId: 'b' };
    expect(entriesOf({ ...draft, columns }, linked as never, rules, nowMs)).toHaveLength(2);
    const spend = { ...draft.spend, resetAt: new Date(nowMs - 1) };
    expect(entriesOf({ ...draft, columns, spend }, linked as never, rules, nowMs)).toHaveLength(1);
  });
});

describe('what LiteLLM sealed', () => {
  it('is plain text where it never was sealed, and unreadable where the key is another', () => {
    const keys = [new Secret('salt')];
    const plain = { model: 'openai/gpt-4o', api_key: `sk-proj-${'a'.repeat(80)}`, rpm: 3 };
    expect(openSealed(plain, keys)).toEqual({ values: plain, unreadable: false });
    const box = Buffer.alloc(60, 7).toString('base64url');
    expect(readLiteLLMCiphertext(box, new Secret('salt'))).toBeUndefined();
    expect(openSealed({ model: box }, keys).unreadable).toBe(true);
  });

  it('is listed once by name, however often it is noted', () => {
    const omissions = new Omissions();
    omissions.add('keys: x', 'a');
    omissions.add('keys: x', 'a');
    expect(omissions.all()).toEqual([{ what: 'keys: x', names: ['a'] }]);
  });
});
