import { printableLines } from "../output/table.ts";

/** Spaces between a cell and the next. */
const gap = 2;

/**
 * Lines of cells for people. Cells of neighbouring lines stand below each other, as far as both lines have
 * them: the last cell of a line may have any length.
 */
export class Sheet {
  readonly #rows: (readonly string[])[] = [];

  /** Adds a line with an indentation of two spaces for each level. */
  line(level: number, ...cells: readonly string[]): void {
    const [first = "", ...others] = cells.map(onOneLine);
    this.#rows.push([`${"  ".repeat(level)}${first}`, ...others]);
  }

  /** Adds a title and the lines of a text, below each other. */
  lines(level: number, title: string, text: string): void {
    for (const [index, line] of text.split("\n").entries()) this.line(level, index === 0 ? title : "", line);
  }

  /** Adds a title, and what `describe` adds for each item; without items, `<none>`. */
  list<Item>(level: number, title: string, items: readonly Item[], describe: (item: Item) => void): void {
    if (items.length === 0) this.line(level, title, "<none>");
    else this.line(level, title);
    for (const item of items) describe(item);
  }

  /** Ends with a newline. */
  toString(): string {
    const widths = this.#widths();
    return this.#rows
      .map((cells, row) => cells.map((cell, column) => cell.padEnd(widths[row]?.[column] ?? 0)).join(""))
      .map((line) => `${line.trimEnd()}\n`)
      .join("");
  }

  /** The widths of each line's cells except the last. */
  #widths(): readonly (readonly number[])[] {
    const widths = this.#rows.map((cells) => cells.slice(0, -1).map(({ length }) => length + gap));
    const columns = Math.max(0, ...widths.map(({ length }) => length));
    for (let column = 0; column < columns; column++)
      for (let first = 0; first < widths.length; first++) {
        let end = first;
        let widest = 0;
        while ((widths[end]?.length ?? 0) > column) widest = Math.max(widest, widths[end++]?.[column] ?? 0);
        for (let row = first; row < end; row++) widths[row]?.splice(column, 1, widest);
        first = Math.max(first, end);
      }
    return widths;
  }
}

function onOneLine(text: string): string {
  return printableLines(text).replace(/[\t\n]/g, " ");
}
