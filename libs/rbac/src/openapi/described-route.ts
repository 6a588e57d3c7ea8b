import type { z } from 'zod';
import type { RouteId } from '../policy.js';
import type { RouteAnswer, RouteBody } from './answers.js';

/** A route and what its handler tells of itself. */
export interface DescribedRoute {
  readonly route: RouteId;
  /** For messages: `KeysController.generate`. */
  readonly handler: string;
  readonly answer: RouteAnswer | undefined;
  readonly body: RouteBody | undefined;
  readonly query: z.ZodType | undefined;
  /** Of a success. */
  readonly status: number;
}
