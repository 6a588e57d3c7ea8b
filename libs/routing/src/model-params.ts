import { Secret } from '#libs/kernel';

/** Reads loosely typed `litellm_params` and `model_info`: YAML gives numbers, the environment gives strings. */
export class ModelParams {
  /** Names that were asked for; what remains is meant for the provider. */
  readonly #read = new Set<string>();
  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    private readonly complain: (name: string, expected: string) => void,
  ) {}

  text(name: string): string | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null || value === '') return undefined;
    if (value instanceof Secret) return value.reveal();
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    this.complain(name, 'a text');
    return undefined;
  }

  secret(name: string): Secret | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : new Secret(text);
  }

  number(name: string): number | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null || value === '') return undefined;
    const number = typeof value === 'string' ? Number(value) : value;
    if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number;
    this.complain(name, 'a number that is not negative');
    return undefined;
  }

  milliseconds(name: string): number | undefined {
    const seconds = this.number(name);
    return seconds === undefined ? undefined : Math.round(seconds * 1000);
  }

  flag(name: string): boolean | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'boolean') return value;
    this.complain(name, 'true or false');
    return undefined;
  }

  list(name: string): readonly string[] | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'string')
      return value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '');
    if (Array.isArray(value))
      return value.map((item) => (item instanceof Secret ? item.reveal() : String(item)));
    this.complain(name, 'a list');
    return undefined;
  }

  record(name: string): Readonly<Record<string, unknown>> | undefined {
    const value = this.#take(name);
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'object' && !Array.isArray(value) && !(value instanceof Secret))
      return value as Record<string, unknown>;
    this.complain(name, 'a mapping');
    return undefined;
  }

  /** Everything nobody asked for. */
  *rest(): Generator<[string, unknown]> {
    for (const [name, value] of Object.entries(this.values)) if (!this.#read.has(name)) yield [name, value];
  }

  ignore(names: Iterable<string>): void {
    for (const name of names) this.#read.add(name);
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return this.values[name];
  }
}
