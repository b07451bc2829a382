export type Column<Row> = {
  readonly title: string;
  readonly value: (row: Row) => string;
  /** Colours the cell without changing its visible width. */
  readonly paint?: (text: string, row: Row) => string;
};

/**
 * Formats rows under titles, in columns as wide as their widest cell, without trailing spaces. Ends with a
 * newline.
 */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const texts = rows.map((row) => columns.map(({ value }) => printable(value(row))));
  const widths = columns.map(({ title }, index) =>
    texts.reduce((widest, cells) => Math.max(widest, cells[index]?.length ?? 0), title.length),
  );
  const line = (cells: readonly string[], paint: (text: string, index: number) => string) =>
    cells
      .map(
        (text, index) =>
          paint(text, index) + padding(text, index === cells.length - 1 ? 0 : (widths[index] ?? 0)),
      )
      .join("   ")
      .trimEnd();
  const header = line(
    columns.map(({ title }) => title),
    (title) => title,
  );
  const body = rows.map((row, at) =>
    line(texts[at] ?? [], (text, index) => columns[index]?.paint?.(text, row) ?? text),
  );
  return `${[header, ...body].join("\n")}\n`;
}

/**
 * Replaces control characters, so that the text stays on one line: a name must not be able to forge a row or
 * move the cursor.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, "?") || "-";
}

/**
 * The same for messages, which may have several lines: a server's message may quote text from an image or a
 * pod.
 */
export function printableLines(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (character) => (character === "\t" ? "\t" : "?"));
}

function padding(text: string, width: number): string {
  return " ".repeat(Math.max(0, width - text.length));
}
