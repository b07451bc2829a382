import { usageError } from "../errors.ts";

/**
 * Parses `ctrl-p,ctrl-q` to the bytes that a terminal sends for it: keys separated by commas, each one
 * character or `ctrl-` with a letter or one of `@[\]^_`. Empty for "". Throws CliError.
 */
export function parseDetachKeys(text: string): Buffer {
  return Buffer.from(text === "" ? [] : text.split(",").map((key) => parseKey(key, text)));
}

const firstControl = 0x40;

function parseKey(key: string, text: string): number {
  const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1];
  if (control !== undefined) return control.toUpperCase().charCodeAt(0) - firstControl;
  if (/^[\x20-\x7e]$/.test(key)) return key.charCodeAt(0);
  throw usageError(
    `--detach-keys ${JSON.stringify(text)}: ${JSON.stringify(key)} is neither a single character nor ctrl- with a letter`,
  );
}

/** Looks for the detach keys in the input. A partial match is held back until it is decided. */
export class DetachFilter {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /**
   * Returns the part of the input to send, and whether the keys were pressed, after which further input is
   * ignored.
   */
  push(chunk: Uint8Array): { readonly send: Buffer; readonly detached: boolean } {
    if (this.#keys.length === 0) return { send: Buffer.from(chunk), detached: false };
    const send: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched]) this.#release(byte, send);
      if (byte === this.#keys[this.#matched]) this.#matched++;
      else send.push(byte);
      if (this.#matched === this.#keys.length) return { send: Buffer.from(send), detached: true };
    }
    return { send: Buffer.from(send), detached: false };
  }

  /** Releases held keys until the remaining ones and this byte can be the beginning of the sequence. */
  #release(byte: number, send: number[]): void {
    while (this.#matched > 0 && byte !== this.#keys[this.#matched]) {
      const held = this.#keys.subarray(0, this.#matched);
      do this.#matched--;
      while (!held.subarray(held.length - this.#matched).equals(this.#keys.subarray(0, this.#matched)));
      send.push(...held.subarray(0, held.length - this.#matched));
    }
  }
}
