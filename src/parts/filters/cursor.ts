import { readEscape } from "./escape.ts";

/** A place in a text that is read from left to right; white space between tokens is passed over. */
export class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    this.#skipSpace();
    return this.#at === this.#text.length;
  }

  sees(token: string): boolean {
    this.#skipSpace();
    return this.#text.startsWith(token, this.#at);
  }

  /** Passes over the token, if it is what comes. */
  take(token: string): boolean {
    const seen = this.sees(token);
    if (seen) this.#at += token.length;
    return seen;
  }

  /** Characters up to the first that does not belong to it; undefined when there is none. */
  word(belongs: (character: string) => boolean): string | undefined {
    this.#skipSpace();
    const from = this.#at;
    for (let next = this.#next(); next !== "" && belongs(next); next = this.#next()) this.#at += next.length;
    return this.#at === from ? undefined : this.#text.slice(from, this.#at);
  }

  /**
   * What stands between two of one of the quotes, with its escapes resolved; undefined when no such quote
   * comes.
   */
  quoted(quotes: readonly string[]): string | undefined {
    this.#skipSpace();
    const quote = this.#next();
    if (!quotes.includes(quote)) return undefined;
    this.#at++;
    const parts: string[] = [];
    for (let next = this.#next(); next !== quote; next = this.#next()) {
      if (next === "" || next === "\n") this.fail(`expected a closing ${quote}`);
      parts.push(next === "\\" ? this.#escape(quote) : next);
      if (next !== "\\") this.#at += next.length;
    }
    this.#at++;
    return parts.join("");
  }

  fail(expected: string): never {
    throw new Error(`at character ${this.#at + 1}: ${expected}`);
  }

  #escape(quote: string): string {
    const found = readEscape(this.#text, this.#at, quote) ?? this.fail("expected an escape sequence of Go's");
    this.#at += found.length;
    return found.meaning;
  }

  /** The next character, "" at the end. */
  #next(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  #skipSpace(): void {
    while (/^\s$/.test(this.#text.charAt(this.#at))) this.#at++;
  }
}
