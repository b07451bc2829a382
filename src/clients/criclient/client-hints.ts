/** What the user of the program that connects can do, said behind failures. */
export type ClientHints = {
  /** How to name another endpoint. */
  readonly address?: string;
  /** How to start the runtime that should be there. */
  readonly start?: string;
  /** How to wait longer. */
  readonly timeout?: string;
};
