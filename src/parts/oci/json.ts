import { isRecord, type JsonObject } from "../../ground/json/index.ts";
import { OciFormatError } from "./digest.ts";

/** One value of a JSON document with its path, so that an error can say where it stands. */
export class JsonNode {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    this.#value = value;
    this.#path = path;
  }

  /** Throws {@link OciFormatError} when the bytes are not JSON in UTF-8. */
  static parse(bytes: Uint8Array, what: string): JsonNode {
    try {
      return new JsonNode(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)), what);
    } catch (cause) {
      throw new OciFormatError(`${what}: not JSON`, { cause });
    }
  }

  fail(expected: string): never {
    throw new OciFormatError(`${this.#path}: expected ${expected}, got ${describe(this.#value)}`);
  }

  /** True for a key that is absent or null: Go writes nil slices and maps as null. */
  get absent(): boolean {
    return this.#value === undefined || this.#value === null;
  }

  get path(): string {
    return this.#path;
  }

  at(key: string): JsonNode {
    return new JsonNode(this.#object()[key], `${this.#path}.${key}`);
  }

  /** The same object, changed. */
  with(change: (object: JsonObject) => JsonObject): JsonNode {
    return new JsonNode(change(this.#object()), this.#path);
  }

  string(): string {
    return typeof this.#value === "string" ? this.#value : this.fail("a string");
  }

  size(): number {
    const value = this.#value;
    return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
      ? value
      : this.fail("a size in bytes");
  }

  integer(): number {
    const value = this.#value;
    return typeof value === "number" && Number.isSafeInteger(value) ? value : this.fail("an integer");
  }

  boolean(): boolean {
    return typeof this.#value === "boolean" ? this.#value : this.fail("true or false");
  }

  /** Fails for a key of the object that is none of these. */
  onlyKeys(known: readonly string[]): void {
    const unknown = this.keys().find((key) => !known.includes(key));
    if (unknown !== undefined) this.fail(`no ${JSON.stringify(unknown)}; known are ${known.join(", ")}`);
  }

  /** Elements; none when absent. */
  list(): readonly JsonNode[] {
    if (this.absent) return [];
    if (!Array.isArray(this.#value)) this.fail("an array");
    return (this.#value as readonly unknown[]).map(
      (value, index) => new JsonNode(value, `${this.#path}[${index}]`),
    );
  }

  /** Keys of an object; none when absent. */
  keys(): readonly string[] {
    return this.absent ? [] : Object.keys(this.#object());
  }

  /** An object of strings, of which Go's readers take null for an empty one; empty when absent. */
  strings(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.keys().map((key) => [key, this.at(key).text()]));
  }

  /** A string; empty when absent. */
  text(): string {
    return this.absent ? "" : this.string();
  }

  #object(): JsonObject {
    const value = this.#value;
    if (!isRecord(value)) this.fail("an object");
    return value;
  }
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
