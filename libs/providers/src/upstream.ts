import type { Endpoint, GatewayError, Usage } from '#libs/kernel';
import type { Deployment } from '#libs/routing';
import type { Member } from './members.js';

/** The caller's body: the bytes as they came, what they say, and where its top-level members are (for splicing). */
export interface RequestBody {
  readonly bytes: Buffer;
  /** Read again from the bytes after `forget`. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly members: ReadonlyMap<string, Member>;
  /** Lets go of what was parsed; for the time in which only the bytes matter. */
  forget(): void;
}

/** One request for one deployment. `timeoutMs` bounds a plain call as a whole and a stream until its head; whoever retries makes another one. */
export interface UpstreamRequest {
  readonly deployment: Deployment;
  readonly endpoint: Endpoint;
  readonly body: RequestBody;
  readonly stream: boolean;
  /** The real model name for this deployment (wildcards substituted). */
  readonly upstreamModel: string;
  /** The model's name in the answer: as the caller asked for it. Absent: as the upstream has it. */
  readonly shownModel?: string;
  /** Output cap to send, when governance lowers or sets one; undefined leaves the caller's. */
  readonly maxOutputTokens?: number;
  /** Set when somebody pays or is limited: a stream that goes on behind it is ended here, as the upstream should have done. */
  readonly outputAllowance?: OutputAllowance;
  readonly dropParams: boolean;
  /** Top-level members that may not reach the provider, whatever it would make of them. */
  readonly stripped?: readonly string[];
  /** Headers to forward besides those the wire needs. */
  readonly forwardedHeaders: readonly (readonly [string, string])[];
  readonly timeoutMs: number;
  /** Longest silence between two reads. */
  readonly idleTimeoutMs: number;
  /** The operator's limit on the size of an answer, streamed or whole. */
  readonly maxAnswerBytes?: number | undefined;
}

/** How much answer was held for. */
export interface OutputAllowance {
  /** Of all choices together. */
  readonly tokens: number;
  readonly choices: number;
  /** How far off `count` may be for this provider's vocabulary, as a share. */
  readonly extraSlack: number;
  /** Tokens of a text; undefined while the vocabulary is not loaded yet. */
  readonly count: (text: string) => number | undefined;
}

/** What happens upstream, as it happens. Exactly one of onEnd and onError is called, last. */
export interface UpstreamSink {
  /** Response head. Bodies of error statuses do not come through onData: they end in onError, mapped. */
  onHead(status: number, headers: readonly string[]): void;
  /** Bytes the client may see now. Returning false asks the upstream to pause until `resume()`. */
  onData(chunk: Buffer): boolean;
  /** A stream told its usage before its end (Anthropic's first frame): the input is known now. */
  onEarlyUsage?(usage: Usage): void;
  /** The answer is whole. `tail` is what must not reach the client before the spend is durable: a JSON body, or the stream's last frame. */
  onEnd(result: UpstreamResult): void;
  onError(failure: UpstreamFailure): void;
}

/** How a whole answer ended. */
export interface UpstreamResult {
  readonly tail: Buffer;
  /** Undefined when the provider reported none. */
  readonly usage: Usage | undefined;
  /** Output text length in bytes that went by, for an estimate when usage is missing. */
  readonly outputBytes: number;
  readonly responseId: string | null;
  /** Set when the answer was ended here, because the upstream went on behind its cap: the tokens that went by. */
  readonly cutAtTokens?: number;
}

/** How a request failed. `status`, `started` and `neverSent` say together whether it may be tried again, and whether money may have been spent. */
export interface UpstreamFailure {
  readonly error: GatewayError;
  /** Upstream's status; 0 when there was no answer. */
  readonly status: number;
  readonly retryAfterMs?: number;
  /** True once a byte of a good answer was handed to onData: it cannot be retried any more. */
  readonly started: boolean;
  /** Nothing was sent, so nothing was spent (refused connection, DNS). */
  readonly neverSent: boolean;
  /** Usage seen before it broke. */
  readonly usage: Usage | undefined;
  readonly outputBytes: number;
}

/** What the caller of a running request can do to it. */
export interface UpstreamHandle {
  resume(): void;
  /** The client is gone, or the time is up: ends the upstream request. The sink hears nothing more; usage so far is returned. */
  abort(): { usage: Usage | undefined; outputBytes: number };
}

/** Calls deployments. One pool per origin, no pipelining; never re-serialises a body. */
export abstract class Upstream {
  /** Sends the request; all that becomes of it goes to the sink. Never throws for what an upstream does. */
  abstract open(request: UpstreamRequest, sink: UpstreamSink): UpstreamHandle;
  /** Ends all pools; for draining. */
  abstract close(): Promise<void>;
}
