import { spawnSync } from 'node:child_process';

/** What a reader of a completion's body acts on; two readers that agree here treat the call alike. */
export interface Reading {
  readonly model: unknown;
  readonly stream: boolean;
  readonly caps: readonly (number | null)[];
  readonly choices: number | null;
  readonly user: unknown;
  readonly previous: unknown;
  /** Kinds of tools and of the parts of messages. */
  readonly kinds: readonly unknown[];
}

/** Reads one body; throws where it is no JSON to this reader. */
export type JsonReader = (bytes: Buffer) => Reading;

type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const numberOf = (value: unknown): number | null => (typeof value === 'number' ? value : null);
const itemsOf = (value: unknown): readonly Tree[] => (Array.isArray(value) ? value.filter(isTree) : []);

function readingOf(tree: unknown): Reading {
  if (!isTree(tree)) throw new SyntaxError('no object');
  const parts = itemsOf(tree['messages']).flatMap((message) => itemsOf(message['content']));
  return {
    model: tree['model'] ?? null,
    stream: tree['stream'] === true,
    caps: ['max_tokens', 'max_completion_tokens', 'n_predict'].map((name) => numberOf(tree[name])),
    choices: numberOf(tree['n']),
    user: tree['user'] ?? null,
    previous: tree['previous_response_id'] ?? null,
    kinds: [...itemsOf(tree['tools']), ...parts].map((one) => one['type'] ?? null),
  };
}

export const readAsNode: JsonReader = (bytes) => readingOf(JSON.parse(bytes.toString('utf8')) as unknown);

/** As some readers in C, Java and Rust do: of several members of one name the first counts. */
export const readFirst: JsonReader = (bytes) =>
  readingOf(
    new TreeReader(bytes.toString('utf8'), (tree, name, value) => {
      if (!Object.hasOwn(tree, name)) define(tree, name, value);
    }).read(),
  );

/** As Go's: names are the same whatever their case, and the last counts. */
export const readAnyCase: JsonReader = (bytes) =>
  readingOf(
    new TreeReader(bytes.toString('utf8'), (tree, name, value) =>
      define(tree, name.toUpperCase().toLowerCase(), value),
    ).read(),
  );

/** As a reader that keeps names as C strings: they end at NUL. */
export const readToNul: JsonReader = (bytes) =>
  readingOf(
    new TreeReader(bytes.toString('utf8'), (tree, name, value) =>
      define(tree, name.split('\0', 1)[0] ?? '', value),
    ).read(),
  );

/** Python's own reader, asked once for many bodies; an entry is undefined where it finds no JSON. Undefined when there is no `python3`. */
export function readAsPython(bodies: readonly Buffer[]): (Reading | undefined)[] | undefined {
  const script = `
import base64, json, sys
for line in sys.stdin:
    try:
        tree = json.loads(base64.b64decode(line))
        print(json.dumps(tree))
    except Exception:
        print('')
`;
  const input = bodies.map((body) => body.toString('base64')).join('\n') + '\n';
  const { status, stdout } = spawnSync('python3', ['-c', script], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) return undefined;
  return stdout
    .split('\n')
    .slice(0, bodies.length)
    .map((line) => (line === '' ? undefined : readingOf(JSON.parse(line) as unknown)));
}

function define(tree: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(tree, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A reader of JSON that lets others decide what becomes of a member: as small as the grammar. */
class TreeReader {
  #at = 0;

  constructor(
    private readonly text: string,
    private readonly keep: (tree: Record<string, unknown>, name: string, value: unknown) => void,
  ) {}

  read(): unknown {
    const value = this.#value();
    this.#space();
    if (this.#at < this.text.length) throw new SyntaxError('more than one value');
    return value;
  }

  #value(): unknown {
    this.#space();
    const first = this.text[this.#at];
    if (first === '{') return this.#object();
    if (first === '[') return this.#list();
    const scalar = /^(?:"(?:[^"\\]|\\[^])*"|[^\s,\]}]+)/.exec(this.text.slice(this.#at))?.[0] ?? '';
    this.#at += scalar.length;
    return JSON.parse(scalar) as unknown;
  }

  #object(): Record<string, unknown> {
    const tree: Record<string, unknown> = {};
    this.#at += 1;
    if (this.#takes('}')) return tree;
    do {
      const name = this.#value();
      if (typeof name !== 'string' || !this.#takes(':')) throw new SyntaxError('no name');
      this.keep(tree, name, this.#value());
    } while (this.#takes(','));
    if (!this.#takes('}')) throw new SyntaxError('no end');
    return tree;
  }

  #list(): unknown[] {
    const list: unknown[] = [];
    this.#at += 1;
    if (this.#takes(']')) return list;
    do list.push(this.#value());
    while (this.#takes(','));
    if (!this.#takes(']')) throw new SyntaxError('no end');
    return list;
  }

  #takes(mark: string): boolean {
    this.#space();
    if (this.text[this.#at] !== mark) return false;
    this.#at += 1;
    return true;
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.text[this.#at] ?? '')) this.#at += 1;
  }
}
