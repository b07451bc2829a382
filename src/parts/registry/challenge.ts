/**
 * One challenge of a WWW-Authenticate header (RFC 9110, section 11.6.1). Scheme and parameter names are in
 * lower case.
 */
export type Challenge = {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
};

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(`^(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}|[^\\s",]+))`);
const leading = new RegExp(`^${token}`);
const scheme = new RegExp(`^(${token})(?:\\s+|$|(?=,))`);

/** Parses the header's values, each of which may hold several challenges. What cannot be read is skipped. */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const values = header === undefined ? [] : typeof header === "string" ? [header] : header;
  return values.flatMap(parseValue);
}

function parseValue(value: string): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  let rest = value.trim();
  while (rest !== "") {
    const pair = parameter.exec(rest);
    const name = scheme.exec(rest);
    const current = challenges.at(-1);
    if (pair !== null && current !== undefined) {
      const [, key = "", quoted, plain] = pair;
      current.parameters[key.toLowerCase()] =
        quoted === undefined ? (plain ?? "") : quoted.replace(/\\(.)/g, "$1");
      rest = rest.slice(pair[0].length);
    } else if (name !== null) {
      challenges.push({ scheme: (name[1] ?? "").toLowerCase(), parameters: {} });
      rest = rest.slice(name[0].length);
    } else {
      // Skips a whole token: retrying after each of its characters would take quadratic time.
      rest = rest.slice(leading.exec(rest)?.[0].length ?? 1);
    }
    rest = rest.replace(/^[\s,]+/, "");
  }
  return challenges;
}
