import type { OutputStream } from "../invocation.ts";
import { formatBytes, shortId } from "../output/units.ts";
import type { TransferProgress, TransferReporter, Transferred } from "./transfer-reporter.ts";

const redrawMs = 80;
const maxBars = 15;
const clearToEnd = "\x1b[J";

type LayerView = Omit<TransferProgress, "state"> & { readonly state: TransferProgress["state"] | "waiting" };

/** A progress bar for each layer, redrawn in place on a terminal. */
export class LayerBars implements TransferReporter {
  readonly #stream: OutputStream;
  readonly #noun: string;
  readonly #layers = new Map<string, LayerView>();
  #drawnLines = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `noun`: what to call one of them. */
  constructor(stream: OutputStream, noun: string) {
    this.#stream = stream;
    this.#noun = noun;
  }

  resolved(all: readonly Transferred[]): void {
    for (const { digest, size } of all)
      this.#layers.set(digest, { digest, state: "waiting", word: "", movedBytes: 0n, totalBytes: size });
    this.#redrawSoon();
  }

  progress(progress: TransferProgress): void {
    this.#layers.set(progress.digest, progress);
    this.#redrawSoon();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#redraw();
  }

  #redrawSoon(): void {
    this.#timer ??= setTimeout(() => this.#redraw(), redrawMs);
  }

  #redraw(): void {
    this.#timer = undefined;
    const lines = this.#lines();
    const home = this.#drawnLines === 0 ? "" : `\x1b[${this.#drawnLines}A`;
    this.#stream.write(`${home}\r${clearToEnd}${lines.map((line) => `${line}\n`).join("")}`);
    this.#drawnLines = lines.length;
  }

  /**
   * More layers than fit on a small screen could not be redrawn; those that have arrived are left out first.
   */
  #lines(): string[] {
    const columns = (this.#stream.columns ?? 80) - 1;
    const layers = [...this.#layers.values()];
    const arrived = layers.filter(hasArrived);
    const hidden = new Set(arrived.slice(0, Math.max(0, layers.length - maxBars)));
    const shown = layers.filter((layer) => !hidden.has(layer)).slice(0, maxBars);
    const rest = layers.length - shown.length;
    const summary =
      rest === 0 ? [] : [`and ${rest} more, ${arrived.length} of ${layers.length} ${this.#noun}s are done`];
    return [...shown.map((layer) => renderLayer(layer, columns)), ...summary].map((line) =>
      line.slice(0, columns),
    );
  }
}

function renderLayer(layer: LayerView, columns: number): string {
  const label = shortId(layer.digest).padEnd(14);
  if (layer.state === "spared") return `${label}${layer.word}`;
  const total = formatBytes(layer.totalBytes);
  if (layer.state === "done") return `${label}${layer.word} ${total}`;
  const figures = `${formatBytes(layer.movedBytes).padStart(8)} of ${total}`;
  const width = Math.max(10, Math.min(40, columns - label.length - figures.length - 3));
  return `${label}[${bar(layer, width)}] ${figures}`;
}

function bar({ movedBytes, totalBytes }: LayerView, width: number): string {
  const share = totalBytes === 0n ? 0 : Math.min(1, Number(movedBytes) / Number(totalBytes));
  const filled = Math.floor(share * width);
  return "=".repeat(filled).padEnd(width, " ");
}

function hasArrived({ state }: LayerView): boolean {
  return state === "done" || state === "spared";
}
