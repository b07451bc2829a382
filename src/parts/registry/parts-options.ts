/** When and how a blob is fetched over several connections. */
export type PartsOptions = {
  /** Size of a part, which is kept in memory until it is its turn. Default 4 MiB. */
  readonly partBytes: number;
  /** Maximum number of parts at a time, for all blobs from one host and of one Registry. Default 3. */
  readonly most: number;
  /**
   * How long the thread must have been mostly idle to conclude that the network is the bottleneck. Default
   * 500.
   */
  readonly waitMs: number;
};

export const defaultParts: PartsOptions = { partBytes: 4 * 1024 * 1024, most: 3, waitMs: 500 };
