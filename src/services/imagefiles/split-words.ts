import { ImageFilesError } from "./image-files-error.ts";

/**
 * Splits a Dockerfile instruction into words at blanks, and removes quotes and backslashes. Throws
 * ImageFilesError InvalidArgument for an unterminated quote.
 */
export function splitWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === "\\" && quote !== "'" && at + 1 < text.length)
      word = `${word ?? ""}${text.charAt(++at)}`;
    else if (quote === "" && (character === "'" || character === '"')) {
      quote = character;
      word ??= "";
    } else if (character === quote) quote = "";
    else if (quote === "" && (character === " " || character === "\t")) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ""}${character}`;
  }
  if (quote !== "")
    throw new ImageFilesError("InvalidArgument", `change ${JSON.stringify(text)}: a quote has no end`);
  return word === undefined ? words : [...words, word];
}
