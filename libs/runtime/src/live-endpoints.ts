import {
  type Config,
  type ConfigProblem,
  type PassThroughEndpoint,
  pathsOverlap,
  readStoredEndpoint,
} from '#libs/config';
import { Secret } from '#libs/kernel';
import { registerSecret } from '#libs/telemetry';
import type { OpenEndpoint } from './runtime-store.js';

/** Puts the pass-through endpoints of the database beside those of the file, which win: what lies on the path of one of them is left out. */
export class LiveEndpoints {
  readonly #ofFile: readonly PassThroughEndpoint[];

  constructor(private readonly config: Config) {
    this.#ofFile = config.passThrough;
  }

  /** Serves these from now on. Returns what is wrong with those that are left out. */
  replace(rows: readonly OpenEndpoint[]): readonly ConfigProblem[] {
    if (rows.length === 0 && this.config.passThrough === this.#ofFile) return [];
    const told: ConfigProblem[] = [];
    const served = [...this.#ofFile];
    for (const { row, written } of rows) {
      const { endpoint, problems, missing } = readStoredEndpoint(row.id, written, this.config.environment);
      const tell = ({ path, message }: ConfigProblem): unknown =>
        told.push({ path: `pass_through_endpoints.${row.id}.${path}`, message });
      [...problems, ...missing].forEach(tell);
      if (endpoint === undefined || problems.length > 0) continue;
      const rival = served.find((one) => pathsOverlap(one, endpoint));
      if (rival !== undefined) {
        tell({
          path: 'path',
          message: `lies on the path of another endpoint, ${rival.path}; it is left out`,
        });
        continue;
      }
      for (const [, value] of [...endpoint.headers, ...endpoint.target.query])
        if (value instanceof Secret) registerSecret(value);
      served.push(endpoint);
    }
    this.config.apply({ passThrough: rows.length === 0 ? this.#ofFile : served });
    return told;
  }
}
