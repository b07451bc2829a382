/** A message with its length in front, as over TCP (RFC 1035, section 4.2.2). */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Splits the bytes of a connection into messages. */
export class MessageReader {
  #rest = Buffer.alloc(0);

  /** The messages that these bytes complete. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0);
      if (this.#rest.length < end) break;
      messages.push(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
    }
    return messages;
  }
}
