/** How a body ends: after so many bytes, as its chunks say, or with the connection (RFC 9112, 6.3). */
export type Framing =
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  | { readonly kind: "connection" };

/** What stands before the body of an answer. */
export type ResponseHead = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly framing: Framing;
  /** The server ends the connection behind it. */
  readonly isLast: boolean;
};

const statusLine = /^HTTP\/1\.1 ([1-5][0-9]{2})(?: [^\r\n]*)?$/;
/** Nobody asks for them here. */
const askedFor: ReadonlySet<number> = new Set([100, 101]);
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)$/;

/**
 * Reads the head of an answer to GET (RFC 9112) without the empty line at its end. Undefined for what is
 * malformed, ambiguous, or of another version.
 */
export function parseResponseHead(text: string): ResponseHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(statusLine.exec(first)?.[1]);
  const headers = parseFields(lines);
  if (Number.isNaN(status) || headers === undefined || askedFor.has(status)) return undefined;
  const framing = framingOf(status, headers);
  if (framing === undefined) return undefined;
  const connection = [headers.connection ?? []].flat().join(",").toLowerCase();
  const isLast = framing.kind === "connection" || connection.split(/[, \t]+/).includes("close");
  return { status, headers, framing, isLast };
}

function parseFields(lines: readonly string[]): Record<string, string | string[]> | undefined {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const line of lines) {
    const [, name = "", value = ""] = fieldLine.exec(line) ?? [];
    if (name === "") return undefined;
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined ? value.trimEnd() : [before, value.trimEnd()].flat();
  }
  return headers;
}

/** An answer with two lengths, or a length and chunks, is one that others may read otherwise. */
function framingOf(status: number, headers: ResponseHead["headers"]): Framing | undefined {
  const { "transfer-encoding": encoding, "content-length": length } = headers;
  if (status < 200 || status === 204 || status === 304) return { kind: "length", bytes: 0 };
  if (encoding !== undefined) {
    const isChunked = typeof encoding === "string" && encoding.toLowerCase() === "chunked";
    return isChunked && length === undefined ? { kind: "chunked" } : undefined;
  }
  if (length === undefined) return { kind: "connection" };
  if (typeof length !== "string" || !/^[0-9]{1,15}$/.test(length)) return undefined;
  return { kind: "length", bytes: Number(length) };
}
