/** Remedies for the program's user, appended to error messages. */
export type ClientHints = {
  /** How to choose another endpoint. */
  readonly address?: string;
  /** How to start the runtime. */
  readonly start?: string;
  /** How to wait longer. */
  readonly timeout?: string;
};
