const newline = 0x0a;

/** Splits bytes into lines; bytes after the last newline wait for more. */
export class LineSplitter {
  #pieces: Buffer[] = [];

  /**
   * The lines that these bytes complete, without their newlines. The bytes may be kept: do not overwrite
   * them.
   */
  push(bytes: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
      lines.push(this.#join(bytes.subarray(start, end)));
      start = end + 1;
    }
    if (start < bytes.length) this.#pieces.push(bytes.subarray(start));
    return lines;
  }

  /** Takes the bytes that wait. */
  flush(): Buffer | undefined {
    return this.#pieces.length === 0 ? undefined : this.#join(Buffer.alloc(0));
  }

  #join(end: Buffer): Buffer {
    if (this.#pieces.length === 0) return end;
    const line = Buffer.concat([...this.#pieces, end]);
    this.#pieces = [];
    return line;
  }
}
