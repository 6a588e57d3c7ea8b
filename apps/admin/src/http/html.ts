import { hash } from 'node:crypto';
import type { Response } from 'express';

/** Text that is markup already. */
export class Html {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

type Part = Html | string | number | null | undefined | readonly Html[];

/** Markup with everything that is put into it escaped, unless it is markup itself. Values belong into text and quoted attributes only. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((made, string, i) => made + textOf(parts[i - 1]) + string));
}

function textOf(part: Part): string {
  if (part === null || part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('');
  return escaped(String(part));
}

/** Text for pages that are not made of `html`: names and descriptions are ours, but a page that is not escaped is one model name away from somebody else's. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#1c2127;background:#fff}
form{display:grid;gap:.8rem;max-width:22rem}label{display:grid;gap:.2rem}input{font:inherit;padding:.4rem;border:1px solid #9aa3ad;border-radius:4px}
button{font:inherit;padding:.5rem 1rem;border:0;border-radius:4px;background:#1c4fa0;color:#fff;cursor:pointer;justify-self:start}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dde3}
.error{background:#fdecea;color:#8a1c12;padding:.5rem .8rem;border-radius:4px}.code{letter-spacing:.2em;text-transform:uppercase}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#dfe3e8}input{background:#1e2227;color:inherit}th,td{border-color:#343a40}.error{background:#4a1914;color:#ffd9d4}}`;
const STYLE_HASH = hash('sha256', STYLE, 'base64');

export interface Page {
  readonly title: string;
  readonly body: Html;
  readonly status?: number;
  /** Origins beside our own that a form of this page may end up at by a redirect. */
  readonly formTargets?: readonly string[];
}

/**
 * Sends a page of ours: no script, no picture, one style that the policy knows by its hash, never in a frame, never in a cache.
 * `same-origin` and not `no-referrer`: browsers write `Origin: null` with that one, and forms would be refused.
 */
export function sendPage(response: Response, { title, body, status = 200, formTargets = [] }: Page): void {
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  response
    .status(status)
    .set({
      'content-security-policy': policy,
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
      'cross-origin-opener-policy': 'same-origin',
    })
    .type('html').send(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${html`${title}`.text} · Tollgate</title><style>${STYLE}</style></head><body>
<main><h1>${html`${title}`.text}</h1>
${body.text}
</main></body></html>
`);
}
