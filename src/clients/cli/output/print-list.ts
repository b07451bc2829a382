import type { Invocation } from "../invocation.ts";
import type { OutputOptions } from "../options.ts";
import { renderStructured } from "./structured.ts";
import { type Column, renderTable } from "./table.ts";
import { write } from "./write.ts";

export type ListOptions = OutputOptions & { readonly quiet?: boolean };

export type List<Row> = {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** What `--quiet` prints of a row. */
  readonly idOf: (row: Row) => string;
  /** The response in protobuf's JSON form, for `-o json|yaml`. */
  readonly toJson: () => unknown;
};

/** Prints a list in the requested format. */
export async function printList<Row>(
  list: List<Row>,
  options: ListOptions,
  { io }: Invocation,
): Promise<void> {
  await write(io.stdout, await render(list, options));
}

async function render<Row>(
  { rows, columns, idOf, toJson }: List<Row>,
  { output = "table", quiet }: ListOptions,
): Promise<string> {
  if (quiet === true) return rows.map((row) => `${idOf(row)}\n`).join("");
  return output === "table" ? renderTable(columns, rows) : renderStructured(toJson(), output);
}
