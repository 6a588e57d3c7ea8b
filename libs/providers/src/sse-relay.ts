import type { OutputGuard } from './output-guard.js';
import { parseJson } from './parse-json.js';
import type { ShownModel } from './shown-model.js';
import type { StreamDialect, StreamState, Verdict } from './sse-dialects.js';
import { textBytes } from './text-meter.js';

/** One frame may hold a whole Responses object with an image in it; more than this is not a frame. */
const MAX_FRAME_BYTES = 32 * 1024 * 1024;
/** What may follow the last frame: blank lines, a comment. */
const MAX_TAIL_BYTES = 64 * 1024;
/** Frames parsed to learn the id and the model's name: they are in the first one, or Azure's second. */
const LOOKS = 3;
const NOTHING = Buffer.alloc(0);

/**
 * Passes an event stream on, frame by frame, byte for byte but for the model's name, and learns usage on the way. A frame reaches the client only
 * when it is whole; the last one is kept back as `tail`. However the stream is cut into chunks, the output is the same.
 */
export class SseRelay {
  readonly state: StreamState = { usage: undefined, responseId: null, model: undefined };
  outputBytes = 0;
  /** Set once the stream's own last frame was seen. */
  finished = false;
  /** The payload of an error frame the upstream sent instead of going on; nothing behind it is passed on. */
  error: unknown = undefined;
  /** The upstream went on behind what is held for it: the answer was ended here, and `tail` is its end. */
  cut = false;
  /** The stream cannot be relayed: a frame without an end. */
  overflowed = false;

  readonly #pending: Buffer[] = [];
  #pendingBytes = 0;
  #tail: Buffer = NOTHING;
  #looks = LOOKS;

  constructor(
    private readonly dialect: StreamDialect,
    private readonly hideUsage: boolean,
    private readonly shownModel?: ShownModel,
    private readonly guard?: OutputGuard,
  ) {}

  get tail(): Buffer {
    return this.shownModel?.apply(this.#tail) ?? this.#tail;
  }

  /** The bytes the client may see now; empty when there are none. */
  push(chunk: Buffer): Buffer {
    const visible = this.#take(chunk);
    return this.shownModel?.apply(visible) ?? visible;
  }

  #take(chunk: Buffer): Buffer {
    if (this.finished) {
      if (this.#tail.length + chunk.length <= MAX_TAIL_BYTES + MAX_FRAME_BYTES)
        this.#tail = Buffer.concat([this.#tail, chunk]);
      return NOTHING;
    }
    if (this.error !== undefined || this.overflowed || this.cut) return NOTHING;
    if (this.#pending.length === 0) return this.#relay(chunk, false);
    const last = this.#pending[this.#pending.length - 1] ?? NOTHING;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    // Only a chunk that may end the frame is worth joining: a huge frame in small chunks stays linear.
    const seam = last.toString('latin1', Math.max(0, last.length - 3)) + chunk.toString('latin1');
    if (!/\n\r?\n/.test(seam) && last.length >= 3) {
      this.overflowed = this.#pendingBytes > MAX_FRAME_BYTES;
      return NOTHING;
    }
    return this.#relay(this.#takePending(), false);
  }

  /** The upstream closed: a last frame without its blank line still counts. Returns whether the stream was whole. */
  end(): boolean {
    if (!this.finished && this.error === undefined && this.#pendingBytes > 0)
      this.#relay(this.#takePending(), true);
    return this.finished;
  }

  #takePending(): Buffer {
    const [only] = this.#pending;
    const joined = this.#pending.length === 1 && only ? only : Buffer.concat(this.#pending);
    this.#pending.length = 0;
    this.#pendingBytes = 0;
    return joined;
  }

  #relay(data: Buffer, atEnd: boolean): Buffer {
    const text = data.toString('latin1');
    const { markers, textMarkers } = this.dialect;
    const marks = markers.map((marker) => nextMark(text, marker, 0));
    let kept: Buffer[] | undefined;
    let passFrom = 0;
    let at = 0;
    let stop = -1;
    let frames = 0;
    const ends: number[] | undefined = this.guard ? [] : undefined;
    while (at < data.length) {
      const frameEnd = endOfFrame(text, at, atEnd);
      if (frameEnd < 0) break;
      const verdict =
        this.#isMarked(text, marks, at, frameEnd) || this.#looks > 0
          ? this.#read(data, at, frameEnd)
          : 'pass';
      if (verdict === 'final' || verdict === 'error') {
        stop = at;
        break;
      }
      if (verdict === 'hide') {
        if (at > passFrom) (kept ??= []).push(data.subarray(passFrom, at));
        passFrom = frameEnd;
      }
      at = frameEnd;
      frames += 1;
      ends?.push(frameEnd);
    }
    if (ends && !kept && !this.finished && at > 0) {
      const cutAt = this.#guarded(text, ends, at);
      if (cutAt >= 0) return data.subarray(passFrom, cutAt);
    } else if (at > 0) this.outputBytes += textBytes(text, textMarkers, at, frames < 2);
    if (stop < 0 && at < data.length) {
      const rest = data.subarray(at);
      this.#pending.push(rest);
      this.#pendingBytes = rest.length;
      this.overflowed = rest.length > MAX_FRAME_BYTES;
    } else if (stop >= 0 && this.finished) {
      this.#tail = Buffer.from(data.subarray(stop));
    }
    if (!kept) return passFrom === 0 && at === data.length ? data : data.subarray(passFrom, at);
    if (at > passFrom) kept.push(data.subarray(passFrom, at));
    return Buffer.concat(kept);
  }

  /** Counts what is about to be passed on; where that is more than was held for, the offset in front of the first frame too many. */
  #guarded(text: string, ends: readonly number[], to: number): number {
    const { guard } = this;
    const { textMarkers } = this.dialect;
    const texts: string[] = [];
    const bytes = textBytes(text, textMarkers, to, ends.length < 2, texts);
    if (guard === undefined || guard.take(texts, bytes)) {
      this.outputBytes += bytes;
      return -1;
    }
    let from = 0;
    for (const end of ends) {
      const one = text.slice(from, end);
      const ofFrame: string[] = [];
      const size = textBytes(one, textMarkers, one.length, true, ofFrame);
      if (!guard.take(ofFrame, size)) {
        this.#cutBefore(one, guard);
        return from;
      }
      this.outputBytes += size;
      from = end;
    }
    return -1;
  }

  #cutBefore(written: string, guard: OutputGuard): void {
    this.cut = true;
    const payload = payloadOf(Buffer.from(written, 'latin1').toString('utf8'));
    const json = payload === undefined ? undefined : parseJson(payload);
    const end = this.dialect.cut(json, this.state, guard.tokens, guard.allowance.choices);
    this.#tail = Buffer.from(end);
  }

  /** Whether a marker lies in this frame; `marks` walk along with the frames, so the text is searched once per marker. */
  #isMarked(text: string, marks: number[], from: number, to: number): boolean {
    let marked = false;
    for (let index = 0; index < marks.length; index += 1) {
      let mark = marks[index] ?? Infinity;
      if (mark < from) {
        mark = nextMark(text, this.dialect.markers[index] ?? '', from);
        marks[index] = mark;
      }
      if (mark < to) marked = true;
    }
    return marked;
  }

  #read(data: Buffer, from: number, to: number): Verdict {
    const payload = payloadOf(data.toString('utf8', from, to));
    if (payload === undefined) return 'pass';
    const json = payload === '[DONE]' ? payload : parseJson(payload);
    const verdict = this.dialect.read(json, this.state, this.hideUsage);
    if (this.#looks > 0) this.#look(data.subarray(from, to));
    if (verdict === 'final') this.finished = true;
    if (verdict === 'error') this.error = json;
    return verdict;
  }

  /** A stream that tells neither id nor name in its first frames is not parsed for them again. */
  #look(frame: Buffer): void {
    this.#looks -= 1;
    const { responseId, model } = this.state;
    if (model !== undefined) this.shownModel?.learn(model, frame);
    if (model !== undefined && responseId !== null) this.#looks = 0;
  }
}

/** Where a marker is that has a value, `null` not being one; Infinity when nowhere. */
function nextMark(text: string, marker: string, from: number): number {
  for (let at = text.indexOf(marker, from); at >= 0; at = text.indexOf(marker, at + marker.length)) {
    const end = at + marker.length;
    if (!text.startsWith(':null', end) && !text.startsWith(': null', end)) return at;
  }
  return Infinity;
}

/** The offset behind the blank line that ends the frame starting at `from`; -1 when it is not there yet. */
function endOfFrame(text: string, from: number, atEnd: boolean): number {
  let at = from;
  // Blank lines in front belong to the frame that follows.
  while (text[at] === '\n' || text[at] === '\r') at += 1;
  for (let line = text.indexOf('\n', at); line >= 0; line = text.indexOf('\n', line + 1)) {
    const next = text[line + 1];
    if (next === '\n') return line + 2;
    if (next === '\r' && text[line + 2] === '\n') return line + 3;
  }
  return atEnd && at < text.length ? text.length : -1;
}

/** The joined data lines of a frame; undefined for comments and frames without data. */
function payloadOf(frame: string): string | undefined {
  let payload: string | undefined;
  for (const line of frame.split('\n')) {
    if (!line.startsWith('data:')) continue;
    const value = line.slice(line.startsWith('data: ') ? 6 : 5, line.endsWith('\r') ? -1 : undefined);
    payload = payload === undefined ? value : `${payload}\n${value}`;
  }
  return payload?.trim();
}
