import type { Product } from '../harness/product.js';

/** One line of a page of metrics. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What a label's value stands for, or everything together. */
export interface Metered {
  readonly nano: bigint;
  readonly input: number;
  readonly output: number;
}

const NOTHING: Metered = { nano: 0n, input: 0, output: 0 };

/** Which label names what, in the ledger. A key's changes with its secret. */
const LABELS = { user: 'user', team: 'team', org_id: 'organization' } as const;

/** Combinations of labels beyond those that are kept apart. */
const OTHERS = 'other';

/** What processes say of themselves to Prometheus, all of them together, since each began. */
class Meters {
  private constructor(private readonly pages: readonly string[]) {}

  static async read(products: readonly Product[]): Promise<Meters> {
    return new Meters(
      await Promise.all(products.map(async (one) => (await one.request('GET', '/metrics')).text())),
    );
  }

  /** So many combinations of labels were met that some are counted together: then only totals can be told. */
  get areMixed(): boolean {
    return this.#samples('litellm_requests_metric_total').some(({ labels }) => labels['route'] === OTHERS);
  }

  /** Money and tokens by the values of a label; of all of them under the empty name when there is no label. */
  by(label: string | undefined): ReadonlyMap<string, Metered> {
    const sums = new Map<string, Metered>();
    const add = (metric: string, more: (to: Metered, value: number) => Metered): void => {
      for (const { labels, value } of this.#samples(metric)) {
        const name = label === undefined ? '' : (labels[label] ?? '');
        sums.set(name, more(sums.get(name) ?? NOTHING, value));
      }
    };
    add('litellm_spend_metric_total', (to, usd) => ({
      ...to,
      nano: to.nano + BigInt(Math.round(usd * 1e9)),
    }));
    add('litellm_input_tokens_metric_total', (to, count) => ({ ...to, input: to.input + count }));
    add('litellm_output_tokens_metric_total', (to, count) => ({ ...to, output: to.output + count }));
    return sums;
  }

  #samples(metric: string): Sample[] {
    const line = new RegExp(`^${metric}\\{(.*)\\} (\\S+)$`, 'gm');
    return this.pages.flatMap((page) =>
      [...page.matchAll(line)].map(([, labels = '', value]) => ({
        labels: Object.fromEntries(
          [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', text = '']) => [name, text]),
        ),
        value: Number(value),
      })),
    );
  }
}

/** What processes counted for Prometheus beside what the ledger has; nobody may have ended since they began. */
export async function compareMeters(
  products: readonly Product[],
  due: (column: (typeof LABELS)[keyof typeof LABELS] | 'all', name: string) => Metered,
): Promise<string[]> {
  const meters = await Meters.read(products);
  const compare = (what: string, told: Metered, sum: Metered): string[] =>
    told.nano === sum.nano && told.input === sum.input && told.output === sum.output
      ? []
      : [
          `/metrics ${what}: ${told.nano} for ${told.input}/${told.output} tokens, the ledger has ${sum.nano} for ${sum.input}/${sum.output}`,
        ];
  const all = compare('of all', meters.by(undefined).get('') ?? NOTHING, due('all', 'all'));
  if (meters.areMixed) return all;
  return [
    ...all,
    ...Object.entries(LABELS).flatMap(([label, column]) =>
      [...meters.by(label)].flatMap(([name, told]) => compare(`${label} ${name}`, told, due(column, name))),
    ),
  ];
}
