import { readFileSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument, type ScalarTag, type YAMLError } from 'yaml';
import type { Findings } from './problems.js';
import { isPlainObject } from './secret-values.js';

/** What one YAML file says, `include` followed, and which files were read. */
export interface ConfigFile {
  readonly sections: Record<string, unknown>;
  readonly files: readonly string[];
}

/** An alias may be repeated this often; more is an attempt to make a small file fill the memory. */
const MAX_ALIASES = 100;

/**
 * Reads a configuration file and everything it includes: paths are relative to the declaring file, lists are appended,
 * other values replaced by the included file, each file is read once. Problems go to `findings`, with file, line and
 * column; a quoted piece of the file never does, because the broken line may hold a key.
 */
export function readConfigFile(path: string, shownAs: string, findings: Findings): ConfigFile {
  const files: string[] = [];
  const sections = readWithIncludes(resolve(path), shownAs, findings, files);
  return { sections, files };
}

function readWithIncludes(
  path: string,
  shownAs: string,
  findings: Findings,
  files: string[],
): Record<string, unknown> {
  let text: string;
  try {
    const real = realpathSync(path);
    if (files.includes(real)) {
      findings.notice(shownAs, 'is included more than once and was read once');
      return {};
    }
    files.push(real);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    findings.error(shownAs, `the file cannot be read (${errorCode(error)})`);
    return {};
  }
  const own = parseYaml(text, shownAs, findings);
  const { include, ...merged } = own;
  for (const included of includedFiles(include, findings)) {
    const more = readWithIncludes(resolve(dirname(path), included), included, findings, files);
    for (const [key, value] of Object.entries(more)) {
      const mine = merged[key];
      merged[key] = Array.isArray(mine) && Array.isArray(value) ? [...mine, ...value] : value;
    }
  }
  return merged;
}

function includedFiles(include: unknown, findings: Findings): string[] {
  if (include === undefined || include === null) return [];
  const list = Array.isArray(include) ? include : [include];
  return list.filter((entry, index): entry is string => {
    if (typeof entry === 'string' && entry !== '') return true;
    findings.error(`include.${index}`, 'expected the path of a file');
    return false;
  });
}

/** `true`, `Yes`, `on`: the words Python's YAML reads as booleans, so that a file means here what it meant there. */
function booleanTag(value: boolean, test: RegExp): ScalarTag {
  return {
    identify: (candidate) => candidate === value,
    default: true,
    tag: 'tag:yaml.org,2002:bool',
    test,
    resolve: () => value,
  };
}
const BOOLEANS = [
  booleanTag(true, /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/),
  booleanTag(false, /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/),
];

/** One document as plain data. YAML 1.1 as LiteLLM reads it (`20_000`, `yes`), except that dates and `12:30` stay text. */
function parseYaml(text: string, file: string, findings: Findings): Record<string, unknown> {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    version: '1.1',
    customTags: (tags) => [
      ...BOOLEANS,
      ...tags.filter((tag) => typeof tag === 'string' || !(tag.tag.endsWith(':bool') || isTimeTag(tag))),
    ],
  });
  if (document.errors.length > 0) {
    for (const error of document.errors) {
      const { line, col } = lineCounter.linePos(error.pos[0]);
      findings.error(`${file}:${line}:${col}`, sentenceFor(error));
    }
    return {};
  }
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    // The library's message quotes the anchor; ours says enough without repeating the file.
    findings.error(file, 'an alias has no anchor, or aliases are repeated too often');
    return {};
  }
  if (content === null || content === undefined) return {};
  if (isPlainObject(content)) return content;
  findings.error(file, 'expected sections (`model_list:`, `general_settings:`, ...) at the top of the file');
  return {};
}

function isTimeTag(tag: { tag: string; format?: string }): boolean {
  return tag.tag.endsWith(':timestamp') || tag.format === 'TIME';
}

const YAML_SENTENCES: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: 'this alias is not valid',
  BAD_DQ_ESCAPE: 'this escape sequence is not valid in double quotes',
  BAD_INDENT: 'the indentation does not fit the lines above',
  BAD_SCALAR_START: 'a plain value cannot start with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a nested mapping is not allowed here; is a line break or a quote missing?',
  DUPLICATE_KEY: 'this name stands here twice; only one of them can count',
  MISSING_CHAR: 'something is missing here (a colon, a comma, a quote or a bracket)',
  MULTILINE_IMPLICIT_KEY: 'a name must fit on one line; is a colon missing?',
  MULTIPLE_DOCS: 'the file holds more than one document; keep one, without `---` between',
  TAB_AS_INDENT: 'tabs cannot indent YAML; use spaces',
  TAG_RESOLVE_FAILED: 'this tag is not known; only plain YAML is read',
};

function sentenceFor(error: YAMLError): string {
  return YAML_SENTENCES[error.code] ?? `not valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`;
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unreadable';
}
