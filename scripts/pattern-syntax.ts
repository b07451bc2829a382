/** The parts of a regular expression that matter for backtracking. */

/**
 * One atom with its quantifier ("" for none); a group has its alternatives. Lookarounds and anchors match no
 * characters.
 */
export type Part = {
  readonly atom: string;
  readonly quantifier: string;
  readonly alternatives: readonly Sequence[] | undefined;
};

export type Sequence = readonly Part[];

const groupStart = /^\((?:\?(?:<?[=!]|:|<\w+>))?/;
const atomText = /^(?:\[(?:[^\]\\]|\\.)*\]|\\(?:[pP]\{[^}]*\}|x..|u\{[^}]*\}|u....|.)|.)/s;
const quantifierText = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/;

/** The alternatives of a pattern's source. */
export function parsePattern(source: string): readonly Sequence[] {
  let rest = source;
  const take = (pattern: RegExp): string => {
    const text = pattern.exec(rest)?.[0] ?? "";
    rest = rest.slice(text.length);
    return text;
  };
  const alternatives = (): readonly Sequence[] => {
    const all: Part[][] = [[]];
    while (rest !== "" && !rest.startsWith(")")) {
      if (rest.startsWith("|")) {
        rest = rest.slice(1);
        all.push([]);
        continue;
      }
      all.at(-1)?.push(part());
    }
    return all;
  };
  const part = (): Part => {
    const start = take(groupStart);
    if (start === "")
      return { atom: take(atomText), quantifier: take(quantifierText), alternatives: undefined };
    const inner = alternatives();
    rest = rest.slice(1);
    return { atom: start, quantifier: take(quantifierText), alternatives: /[=!]$/.test(start) ? [] : inner };
  };
  return alternatives();
}

/** Whether it may match any number of times. */
export function isUnbounded({ quantifier }: Part): boolean {
  return /^[*+]|,\}/.test(quantifier);
}

export function mayBeEmpty({ atom, quantifier, alternatives }: Part): boolean {
  if (/^[*?]|^\{0/.test(quantifier) || isPlace(atom)) return true;
  return (
    alternatives !== undefined &&
    (alternatives.length === 0 || alternatives.some((inner) => inner.every(mayBeEmpty)))
  );
}

/** The sample characters that any of its characters can be. */
export function charactersOf(part: Part, flags: string): ReadonlySet<string> {
  const { atom, alternatives } = part;
  if (alternatives !== undefined)
    return new Set(alternatives.flat().flatMap((inner) => [...charactersOf(inner, flags)]));
  return isPlace(atom) ? new Set() : matched(atom, flags);
}

/** The sample characters that its first character can be. */
export function firstOf(part: Part, flags: string): ReadonlySet<string> {
  const { alternatives } = part;
  if (alternatives === undefined) return charactersOf(part, flags);
  return new Set(alternatives.flatMap((sequence) => [...firstOfSequence(sequence, flags)]));
}

export function firstOfSequence(sequence: Sequence, flags: string): ReadonlySet<string> {
  const end = sequence.findIndex((part) => !mayBeEmpty(part));
  const beginning = end === -1 ? sequence : sequence.slice(0, end + 1);
  return new Set(beginning.flatMap((part) => [...firstOf(part, flags)]));
}

export function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return !a.isDisjointFrom(b);
}

function isPlace(atom: string): boolean {
  return /^(?:\^|\$|\\[bB])$/.test(atom);
}

/** ASCII, and one character for all others. */
const samples = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), "\u00e9"];

function matched(atom: string, flags: string): ReadonlySet<string> {
  const pattern = new RegExp(`^(?:${atom})$`, flags.replace(/[gy]/g, ""));
  return new Set(samples.filter((character) => pattern.test(character)));
}
