import { nano } from './catalogue.js';
import type { Rules } from './script.js';

/** Plans count money in tenths of a thousandth of a dollar. */
export const STEP = nano('0.0001');
export const dollars = (steps: number): number => Number((steps * 0.0001).toFixed(4));

/** A team may not be given more than its organization has, nor a project more than its team: it is refused, so nobody plans it. */
export function within<R extends Rules>(rules: R, above: Rules | undefined): R {
  const least = (one: number | undefined, other: number | undefined): number | undefined =>
    one === undefined || other === undefined ? one : Math.min(one, other);
  const { cap, rpm, parallel } = rules;
  return {
    ...rules,
    cap: least(cap, above?.cap),
    rpm: least(rpm, above?.rpm),
    parallel: least(parallel, above?.parallel),
  };
}

export function fields({ cap, duration, rpm, parallel }: Rules): object {
  return {
    ...(cap === undefined ? {} : { max_budget: dollars(cap) }),
    ...(duration === undefined ? {} : { budget_duration: duration }),
    ...(rpm === undefined ? {} : { rpm_limit: rpm }),
    ...(parallel === undefined ? {} : { max_parallel_requests: parallel }),
  };
}
