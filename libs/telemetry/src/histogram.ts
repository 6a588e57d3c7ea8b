/** Upper edges in seconds: from a cache hit to a ten-minute agent call. LiteLLM's dashboards use the same range. */
export const LATENCY_BUCKETS_S = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
] as const;

/** Counts of observed durations by bucket. One `observe` is a short loop over numbers: no labels, no objects. */
export class LatencyHistogram {
  readonly #buckets = new Array<number>(LATENCY_BUCKETS_S.length).fill(0);
  #sumSeconds = 0;
  #count = 0;

  observeMs(ms: number): void {
    if (!(ms >= 0)) return;
    const seconds = ms / 1000;
    this.#sumSeconds += seconds;
    this.#count += 1;
    for (let i = 0; i < LATENCY_BUCKETS_S.length; i += 1) {
      if (seconds <= (LATENCY_BUCKETS_S[i] ?? 0)) {
        this.#buckets[i] = (this.#buckets[i] ?? 0) + 1;
        return;
      }
    }
  }

  /** The sample lines of this histogram in Prometheus' text format; nothing when nothing was observed. */
  lines(name: string, labels: string): string[] {
    if (this.#count === 0) return [];
    const prefix = labels === '' ? '' : `${labels},`;
    let cumulative = 0;
    const buckets = LATENCY_BUCKETS_S.map((edge, i) => {
      cumulative += this.#buckets[i] ?? 0;
      return `${name}_bucket{${prefix}le="${edge}"} ${cumulative}`;
    });
    return [
      ...buckets,
      `${name}_bucket{${prefix}le="+Inf"} ${this.#count}`,
      `${name}_sum{${labels}} ${this.#sumSeconds}`,
      `${name}_count{${labels}} ${this.#count}`,
    ];
  }
}

/** `name="value"` pairs, escaped as the text format wants it. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(
      ([name, value]) =>
        `${name}="${value.replace(/[\\"\n]/g, (character) => (character === '\n' ? String.raw`\n` : `\\${character}`))}"`,
    )
    .join(',');
}
