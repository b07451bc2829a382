import type { Io, OutputStream } from "../invocation.ts";

type Paint = (text: string) => string;

/** Functions that colour text, or return it unchanged if colours are off. */
export type Style = {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
};

/** Colours for a terminal, unless NO_COLOR (https://no-color.org) is set. */
export function styleFor(stream: OutputStream, env: Io["env"]): Style {
  const wanted = stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
  const paint = (on: number, off: number): Paint =>
    wanted ? (text) => `\x1b[${on}m${text}\x1b[${off}m` : (text) => text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
  };
}
