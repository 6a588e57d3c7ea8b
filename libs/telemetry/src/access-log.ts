import { type Clock, type ErrorCode, formatUsd, type NanoUsd, TextMemory } from '#libs/kernel';
import { anonymousField } from './anonymous-lines.js';
import { greppableWords } from './greppable-words.js';
import { formatLine } from './line-format.js';
import type { LogSink } from './log-sink.js';
import type { LogLevel } from './pino-logger.js';
import { redactText } from './redaction.js';

/** What one request leaves in the log. Only these fields, so that nothing unforeseen can carry a secret. */
export interface AccessEntry {
  readonly method: string;
  /** The route as declared (`/v1/chat/completions`), never the raw URL. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
  readonly requestId: string;
  /** Who called: the principal's display name, an alias or `sk-...abcd`. */
  readonly key?: string | undefined;
  readonly model?: string | undefined;
  readonly costNanoUsd?: NanoUsd | undefined;
  readonly errorCode?: ErrorCode | undefined;
  /** Of a refusal: under this name its checks can be looked up. */
  readonly decisionId?: string | undefined;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };

/** Texts already found safe to write: names of keys, and model names, which callers choose, so the memory of them is bounded. */
const MAX_KNOWN_TEXTS = 16_384;
const LONGEST_KNOWN_TEXT = 256;

/**
 * One line a request. The lines of one turn of the event loop go out in one write, in order; `flush` before exit. Costs
 * about a microsecond a line: no child loggers, no copies, texts judged once.
 */
export class AccessLog {
  #pending = '';
  #timeMs = -1;
  #time = '';
  readonly #safe = new TextMemory(MAX_KNOWN_TEXTS, LONGEST_KNOWN_TEXT, safeText);
  readonly #threshold: number;

  constructor(
    private readonly sink: LogSink,
    private readonly clock: Clock,
    private readonly options: { readonly level: LogLevel; readonly json: boolean },
  ) {
    this.#threshold = SEVERITY[options.level];
  }

  write(entry: AccessEntry): void {
    const level = entry.status >= 500 ? 'error' : entry.status >= 400 ? 'warn' : 'info';
    if (SEVERITY[level] < this.#threshold) return;
    if (this.#pending === '') setImmediate(() => this.flush());
    this.#pending += this.options.json ? this.#json(entry, level) : this.#readable(entry, level);
  }

  /** Writes what is pending now; at shutdown nothing may be left for the next turn. */
  flush(): void {
    const lines = this.#pending;
    this.#pending = '';
    if (lines !== '') this.sink.write(lines);
  }

  #json(entry: AccessEntry, level: LogLevel): string {
    let line = `{"level":"${level}","time":"${this.#now()}","msg":${this.#quoted(messageFor(entry))},"method":${this.#quoted(entry.method)},"route":${this.#quoted(entry.route)},"status":${entry.status},"duration_ms":${rounded(entry.durationMs)},"request_id":${this.#quoted(entry.requestId, false)}`;
    if (entry.key !== undefined) line += `,"key":${this.#quoted(anonymousField('alias', entry.key))}`;
    if (entry.model !== undefined) line += `,"model":${this.#quoted(entry.model)}`;
    if (entry.costNanoUsd !== undefined) line += `,"cost_usd":${formatUsd(entry.costNanoUsd)}`;
    if (entry.errorCode !== undefined) line += `,"code":"${entry.errorCode}"`;
    if (entry.decisionId !== undefined) line += `,"decision_id":"${entry.decisionId}"`;
    return `${line}}\n`;
  }

  #readable(entry: AccessEntry, level: LogLevel): string {
    const { method, route, status, key, model, costNanoUsd, errorCode, decisionId } = entry;
    const fields: Record<string, unknown> = {
      method,
      route,
      status,
      duration_ms: rounded(entry.durationMs),
      request_id: entry.requestId,
      ...(key === undefined ? {} : { key: this.#safe.of(anonymousField('alias', key)) }),
      ...(model === undefined ? {} : { model: this.#safe.of(model) }),
      ...(costNanoUsd === undefined ? {} : { cost_usd: formatUsd(costNanoUsd) }),
      ...(errorCode === undefined ? {} : { code: errorCode }),
      ...(decisionId === undefined ? {} : { decision_id: decisionId }),
    };
    return formatLine(this.#now(), level, messageFor(entry), fields);
  }

  #now(): string {
    const nowMs = this.clock.nowMs();
    if (nowMs !== this.#timeMs) {
      this.#timeMs = nowMs;
      this.#time = new Date(nowMs).toISOString();
    }
    return this.#time;
  }

  #quoted(text: string, repeats = true): string {
    return repeats ? `"${this.#safe.of(text)}"` : `"${escaped(text)}"`;
  }
}

/** The text redacted and escaped for JSON. */
function safeText(text: string): string {
  return escaped(redactText(text).slice(0, 256));
}

function messageFor(entry: AccessEntry): string {
  const words = entry.errorCode === undefined ? undefined : greppableWords(entry.errorCode);
  return words === undefined ? 'request' : `request refused: ${words}`;
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
