/**
 * The number, from 1, of the line on which a key or table with that dotted path stands in a TOML text; undefined where it cannot be found. The
 * parser does not say, so this reads headings and keys alone: good enough to lead a person there.
 */
export function lineOf(text: string, path: string): number | undefined {
  let heading = "";
  for (const [index, line] of text.split("\n").entries()) {
    const table = /^\s*\[\[?([^\]]+)\]/.exec(line)?.[1];
    const key = /^\s*([^\s=#[\]{}][^=#[\]{}]*)=/.exec(line)?.[1];
    if (table !== undefined) heading = plain(table);
    const here = table !== undefined ? heading : key !== undefined ? joined(heading, plain(key)) : undefined;
    // A key of an inline table stands on the line of the table.
    if (here !== undefined && (here === path || (key !== undefined && path.startsWith(`${here}.`))))
      return index + 1;
  }
  return undefined;
}

/** `a . "b"` as `a.b`. */
function plain(dotted: string): string {
  return dotted.replaceAll(/["'\s]/g, "");
}

function joined(heading: string, key: string): string {
  return heading === "" ? key : `${heading}.${key}`;
}
