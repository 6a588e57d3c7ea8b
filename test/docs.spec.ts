import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is made and not kept: nothing there is a page of ours. */
const NOT_OURS = new Set(['node_modules', 'dist', '.git', '.tollgate', 'results', '.work']);

function filesBelow(folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    return entry.isDirectory() ? [path, ...filesBelow(path)] : [path];
  });
}

const there = new Set(filesBelow());
const pages = [...there].filter((path) => path.endsWith('.md') && statSync(join(root, path)).isFile());

/** Where a link or a path of a page leads, as a path from the root. */
const fromPage = (page: string, target: string): string =>
  normalize(join(dirname(page), target)).replace(/\/$/, '');

/** Relative links that lead nowhere. */
function deadLinksOf(page: string, text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target.replace(/#.*$/, ''))
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
    .filter((target) => !there.has(fromPage(page, target)));
}

/** Names of files and folders of the repository that are no longer there; from the root, or from the folder of a room's page. */
function deadPathsOf(page: string, text: string): string[] {
  const named = [...text.matchAll(/`((?:libs|apps|src|test|docs|scripts|docker)\/[\w./-]+)`/g)];
  return named
    .map(([, path = '']) => path.replace(/\/$/, ''))
    .filter((path) => !there.has(path) && !there.has(fromPage(page, path)))
    .filter((path) => ![...there].some((file) => file.startsWith(`${path}.`)));
}

describe('the pages', () => {
  it.each(pages)('%s links to and names what is there', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    expect([...deadLinksOf(page, text), ...deadPathsOf(page, text)]).toEqual([]);
  });

  it('would be told of a link and of a name that lead nowhere', () => {
    const text = 'See [this](nowhere.md#part), [that](https://x.example) and `libs/nowhere/src/lost.ts`.';
    expect(deadLinksOf('docs/page.md', text)).toEqual(['nowhere.md']);
    expect(deadPathsOf('docs/page.md', text)).toEqual(['libs/nowhere/src/lost.ts']);
  });
});
