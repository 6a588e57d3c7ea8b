import type { OpenApiDocument } from '#libs/rbac';
import { escaped } from '../http/html.js';

/** What the page reads of an operation; see `openApiDocument`. */
interface Operation {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly 'x-access': string;
  readonly 'x-ownership': string;
  readonly parameters?: readonly object[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, unknown>> }>
  >;
}

interface Documented {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** The document as one HTML page that needs no script and nothing from elsewhere. */
export function docsPage(document: OpenApiDocument): string {
  const { info, paths } = document as unknown as Documented;
  const sections = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0] ?? '';
      sections.set(tag, [...(sections.get(tag) ?? []), operationOf(method, path, operation)]);
    }
  }
  const tags = [...sections.keys()].sort();
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(info.title)} API</title><style>${STYLE}</style></head><body>
<h1>${escaped(info.title)} ${escaped(info.version)}</h1>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>
<nav>${tags.map((tag) => `<a href="#${escaped(tag)}">${escaped(tag)}</a>`).join(' ')}</nav>
${tags.map((tag) => `<h2 id="${escaped(tag)}">${escaped(tag)}</h2>\n${(sections.get(tag) ?? []).join('\n')}`).join('\n')}
</body></html>
`;
}

function operationOf(method: string, path: string, operation: Operation): string {
  const roles = Object.values(operation.security[0] ?? {})[0] ?? [];
  const access = roles.length > 0 ? roles.join(', ') : operation['x-access'].replaceAll('_', ' ');
  const parts = [
    `<p>Open to: ${escaped(access)}. Ownership: ${escaped(operation['x-ownership'].replaceAll('_', ' '))}.</p>`,
    operation.parameters ? block('Parameters', operation.parameters) : '',
    operation.requestBody ? block('Body', Object.values(operation.requestBody.content)[0]?.schema) : '',
    ...Object.entries(operation.responses).map(([status, { description, content }]) =>
      status.startsWith('2') && content
        ? block(`${status} ${description}`, content)
        : `<p>${escaped(status)} ${escaped(description)}</p>`,
    ),
  ];
  return `<details><summary><b>${method.toUpperCase()}</b> <code>${escaped(path)}</code> ${escaped(operation.summary)}</summary>${parts.join('')}</details>`;
}

function block(title: string, value: unknown): string {
  return `<p>${escaped(title)}</p><pre>${escaped(JSON.stringify(value, null, 1) ?? '')}</pre>`;
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1c2127}
nav a{margin-right:.6rem}details{border:1px solid #d8dde3;border-radius:6px;padding:.4rem .8rem;margin:.3rem 0}
summary{cursor:pointer}summary,p,h2{overflow-wrap:anywhere}pre{background:#f4f6f8;padding:.6rem;overflow:auto;max-height:24rem}
@media(prefers-color-scheme:dark){body{background:#14171a;color:#dfe3e8}pre{background:#1e2227}details{border-color:#343a40}a{color:#7db4ff}}`;
