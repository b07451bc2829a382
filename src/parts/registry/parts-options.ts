/** When and how a blob is fetched over several connections. */
export type PartsOptions = {
  /** Each is kept in memory until its turn comes. Default 4 MiB. */
  readonly partBytes: number;
  /** At once, of all blobs of a host and one Registry together. Default 3. */
  readonly most: number;
  /** How long the thread must mostly have waited, so that it is the network that is slow. Default 500. */
  readonly waitMs: number;
};

export const defaultParts: PartsOptions = { partBytes: 4 * 1024 * 1024, most: 3, waitMs: 500 };
