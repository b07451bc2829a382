const single: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

/** Digits that follow the letter. */
const hexadecimal: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/**
 * An escape sequence of Go's at a backslash in the text; undefined for what is none.
 * https://go.dev/ref/spec#String_literals
 */
export function readEscape(
  text: string,
  at: number,
  quote: string,
): { readonly meaning: string; readonly length: number } | undefined {
  const letter = text.charAt(at + 1);
  if (letter === quote) return { meaning: quote, length: 2 };
  const meaning = single[letter];
  if (meaning !== undefined) return { meaning, length: 2 };
  const digits = hexadecimal[letter];
  if (digits !== undefined)
    return numbered(text.slice(at + 2, at + 2 + digits), { digits, base: 16, before: 2 });
  return numbered(text.slice(at + 1, at + 4), { digits: 3, base: 8, before: 1 });
}

function numbered(
  text: string,
  { digits, base, before }: { readonly digits: number; readonly base: 8 | 16; readonly before: number },
): { readonly meaning: string; readonly length: number } | undefined {
  const wellFormed = (base === 16 ? /^[0-9a-fA-F]+$/ : /^[0-3][0-7]+$/).test(text);
  if (text.length !== digits || !wellFormed) return undefined;
  const code = Number.parseInt(text, base);
  return code > 0x10ffff ? undefined : { meaning: String.fromCodePoint(code), length: before + digits };
}
