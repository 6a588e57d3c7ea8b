import type { Governed } from '#libs/database';
import { type Bound, boundOf, widerPower } from './powers.js';
import { tooWide } from './refusals.js';

/** A team or an organization, as what stands in it has to fit into it. */
type Above = Governed & {
  readonly id: string;
  readonly alias: string | null;
  readonly models: readonly string[];
};

/** What is written must fit into what stands above it. What is left open there is closed when it is used: only what is said can be said too wide. */
export function assertFits(said: Bound, above: Above | null, noun: 'organization' | 'team'): void {
  if (above === null) return;
  const bound = Object.entries(boundOf(above)).filter(([name]) => {
    const value = said[name as keyof Bound];
    return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
  });
  const field = widerPower(Object.fromEntries(bound) as Bound, said);
  if (field !== undefined) throw tooWide(field, `${noun} ${above.alias ?? above.id}`);
}
