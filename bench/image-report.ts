import { type SubjectName, subjectNames } from "./image-subjects.ts";
import { median } from "./statistics.ts";
import type { Usage } from "./usage.ts";

/** The arguments of the benchmarks of images: `[ROUNDS] [--large] [--json]`. */
export function imageArguments(argv: readonly string[]) {
  const large = argv.includes("--large");
  const shape = large
    ? { layers: 4, files: 60_000, unpackedBytes: 2.2e9, seed: 1 }
    : { layers: 4, files: 7_500, unpackedBytes: 275e6, seed: 1 };
  return {
    rounds: Number(argv.find((arg) => /^\d+$/.test(arg)) ?? 3),
    shape,
    asJson: argv.includes("--json"),
  };
}

/** Figures of berth and containerd, and their ratios. */
export class ImageReport {
  readonly #figures = new Map<string, Readonly<Record<SubjectName, number[]>>>();

  add(what: string, name: SubjectName, { wallS, cpuS, peakMiB }: Usage): void {
    this.#note(`${what}, wall time (s)`, name, wallS);
    this.#note(`${what}, CPU time (s)`, name, cpuS);
    this.#note(`${what}, peak memory (MiB)`, name, peakMiB);
  }

  print(asJson: boolean, about: Readonly<Record<string, unknown>>): void {
    const rows = [...this.#figures].map(([what, { berth, containerd }]) => {
      const [own, peer] = [median(berth), median(containerd)];
      return { what, berth: own, containerd: peer, ratio: own / peer };
    });
    if (asJson) {
      console.log(JSON.stringify({ ...about, rows, all: Object.fromEntries(this.#figures) }, undefined, 2));
      return;
    }
    console.log(JSON.stringify(about));
    console.log("| | berth | containerd | ratio |\n|---|---|---|---|");
    for (const { what, berth, containerd, ratio } of rows)
      console.log(`| ${what} | ${berth.toFixed(2)} | ${containerd.toFixed(2)} | ${ratio.toFixed(2)} |`);
  }

  #note(what: string, name: SubjectName, figure: number): void {
    const figures = this.#figures.get(what) ?? { berth: [], containerd: [] };
    figures[name].push(figure);
    this.#figures.set(what, figures);
  }
}

/** Alternates which one is first. */
export async function inTurn(rounds: number, work: (name: SubjectName) => Promise<void>): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const name of round % 2 === 0 ? subjectNames : subjectNames.toReversed()) await work(name);
}
