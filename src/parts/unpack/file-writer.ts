import { ftruncateSync, writeSync } from "node:fs";
import { closeFile, createFileAt, fromByteString, setAttributes } from "../../ground/linux/index.ts";
import type { EntryAttributes, FileContent } from "../tar/index.ts";
import { checkOwner } from "./attributes.ts";

/** Without set-user-ID and similar bits, which are set when the file is complete. */
const permissionBits = 0o777;

/** Writes one new file's extents, in the order of the archive. Throws LinuxError and Node's own errors. */
export class FileWriter implements Disposable {
  readonly #fd: number;
  readonly #name: string;
  readonly #content: FileContent;
  #extent = 0;
  #written = 0;

  /** Throws LinuxError EEXIST if there is something at `name`. */
  constructor(directory: number, name: string, mode: number, content: FileContent) {
    this.#fd = createFileAt(directory, name, mode & permissionBits);
    this.#name = name;
    this.#content = content;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const extent = this.#content.extents[this.#extent];
      if (extent === undefined) throw new RangeError("more bytes than the file's extents hold");
      const room = extent.length - this.#written;
      const length = Math.min(bytes.length - at, room);
      const written =
        length === 0 ? 0 : writeSync(this.#fd, bytes, at, length, extent.offset + this.#written);
      at += written;
      this.#written += written;
      if (this.#written === extent.length) {
        this.#extent++;
        this.#written = 0;
      }
    }
  }

  /**
   * Sets the size of the file, which may end with a hole, and all attributes except for extended ones. Throws
   * UnpackError for an impossible owner.
   */
  finish(attributes: EntryAttributes): void {
    const last = this.#content.extents.findLast(({ length }) => length > 0);
    const end = last === undefined ? 0 : last.offset + last.length;
    if (end < this.#content.sizeBytes) ftruncateSync(this.#fd, this.#content.sizeBytes);
    checkOwner(attributes);
    setAttributes(this.#fd, attributes, fromByteString(this.#name));
  }

  [Symbol.dispose](): void {
    closeFile(this.#fd);
  }
}
