const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * The first member name that one object of a JSON text carries twice, escapes decoded, or undefined. Parsers disagree on
 * which of the two counts, so what stands in front of us may have judged another body than we would act on. The text must
 * be JSON that a parser accepts. Linear, without recursion.
 */
export function repeatedName(json: string): string | undefined {
  /** The names of each open object; a list has none. */
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let at = 0; at < json.length; at += 1) {
    switch (json[at]) {
      case '{':
        open.push(new Set());
        expectsName = true;
        break;
      case '[':
        open.push(undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ',':
        expectsName = open.at(-1) !== undefined;
        break;
      case '"': {
        const end = endOfString(json, at);
        const names = open.at(-1);
        if (expectsName && names) {
          const name = String(JSON.parse(json.slice(at, end)));
          if (names.has(name)) return name;
          names.add(name);
        }
        expectsName = false;
        at = end - 1;
        break;
      }
    }
  }
  return undefined;
}

function endOfString(json: string, openQuote: number): number {
  let at = openQuote + 1;
  for (let code = json.charCodeAt(at); code !== QUOTE && at < json.length; code = json.charCodeAt(at))
    at += code === BACKSLASH ? 2 : 1;
  return at + 1;
}
