/** The conditions of a query in the making, with their parameters: no value ever becomes part of the text. */
export class Where {
  readonly parameters: unknown[] = [];
  readonly #conditions: string[] = [];

  /** The parameter's place in the text. */
  parameter(value: unknown): string {
    return `$${this.parameters.push(value)}`;
  }

  and(condition: string): this {
    this.#conditions.push(condition);
    return this;
  }

  /** Nothing is added for an undefined value. */
  andIn(column: string, values: readonly string[] | undefined): this {
    return values === undefined ? this : this.and(`${column} = ANY(${this.parameter(values)}::text[])`);
  }

  get sql(): string {
    return this.#conditions.length === 0 ? 'true' : this.#conditions.join(' AND ');
  }
}
