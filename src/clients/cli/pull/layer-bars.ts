import { berthV1 } from "../../../ground/protocol/index.ts";
import type { OutputStream } from "../invocation.ts";
import { formatBytes, shortId } from "../output/units.ts";
import type { PullReporter } from "./pull-reporter.ts";

const { LAYER_STATE_DONE, LAYER_STATE_EXISTS } = berthV1.LayerState;

const redrawMs = 80;
const maxBars = 15;
const clearToEnd = "\x1b[J";

type LayerView = {
  readonly digest: string;
  readonly state: berthV1.LayerState;
  readonly received: bigint;
  readonly total: bigint;
};

/** A progress bar for each layer, drawn over again in place on a terminal. */
export class LayerBars implements PullReporter {
  readonly #stream: OutputStream;
  readonly #layers = new Map<string, LayerView>();
  #drawnLines = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  resolved(layers: readonly berthV1.Layer[]): void {
    for (const { digest, size } of layers) {
      const state = berthV1.LayerState.LAYER_STATE_UNSPECIFIED;
      this.#layers.set(digest, { digest, state, received: 0n, total: size });
    }
    this.#redrawSoon();
  }

  progress({ digest, state, receivedBytes, totalBytes }: berthV1.LayerProgress): void {
    this.#layers.set(digest, { digest, state, received: receivedBytes, total: totalBytes });
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

  /** More layers than fit on a small screen could not be drawn over: those that have arrived give way first. */
  #lines(): string[] {
    const columns = (this.#stream.columns ?? 80) - 1;
    const layers = [...this.#layers.values()];
    const arrived = layers.filter(hasArrived);
    const hidden = new Set(arrived.slice(0, Math.max(0, layers.length - maxBars)));
    const shown = layers.filter((layer) => !hidden.has(layer)).slice(0, maxBars);
    const rest = layers.length - shown.length;
    const summary =
      rest === 0 ? [] : [`and ${rest} more, ${arrived.length} of ${layers.length} layers are here`];
    return [...shown.map((layer) => renderLayer(layer, columns)), ...summary].map((line) =>
      line.slice(0, columns),
    );
  }
}

function renderLayer(layer: LayerView, columns: number): string {
  const label = shortId(layer.digest).padEnd(14);
  if (layer.state === LAYER_STATE_EXISTS) return `${label}already here`;
  const total = formatBytes(layer.total);
  if (layer.state === LAYER_STATE_DONE) return `${label}done ${total}`;
  const figures = `${formatBytes(layer.received).padStart(8)} of ${total}`;
  const width = Math.max(10, Math.min(40, columns - label.length - figures.length - 3));
  return `${label}[${bar(layer, width)}] ${figures}`;
}

function bar({ received, total }: LayerView, width: number): string {
  const share = total === 0n ? 0 : Math.min(1, Number(received) / Number(total));
  const filled = Math.floor(share * width);
  return "=".repeat(filled).padEnd(width, " ");
}

function hasArrived({ state }: LayerView): boolean {
  return state === LAYER_STATE_DONE || state === LAYER_STATE_EXISTS;
}
