/** A URL for a message or a log: its query may hold a signature or a token. */
export function quoteUrl(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === "" ? "" : "?..."}`;
}
