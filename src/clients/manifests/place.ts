/** Keys and indexes from the document's root to a value. */
export type Path = readonly (string | number)[];

/** Reports a problem with the value at a path. */
export type Report = (severity: "error" | "warning", path: Path, message: string) => void;

/** The position of a value in a document, and where to report problems with it. */
export class Place {
  readonly path: Path;
  readonly #report: Report;

  constructor(report: Report, path: Path = []) {
    this.#report = report;
    this.path = path;
  }

  /** The place of a member or an item. */
  at(...keys: Path): Place {
    return new Place(this.#report, [...this.path, ...keys]);
  }

  error(message: string): undefined {
    this.#report("error", this.path, message);
    return undefined;
  }

  warn(message: string): void {
    this.#report("warning", this.path, message);
  }
}

/** `spec.containers[0].image`, as Kubernetes writes it. */
export function writtenPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const plain = /^[A-Za-z0-9_-]+$/.test(key);
    if (!plain) return `${text}[${JSON.stringify(key)}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}
