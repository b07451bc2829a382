import type { Io, OutputStream } from "../invocation.ts";
import type { LogLine } from "../logs/log-line.ts";

/** Foreground colours that are distinguishable on dark and light terminals. */
const colours = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** Returns the prefix of the lines of each name, in a colour of its own on a terminal. */
export function coloursFor(io: Io): (name: string) => Record<LogLine["stream"], string> {
  const given = new Map<string, number>();
  const paint = (stream: OutputStream, text: string, colour: number) => {
    const wanted = stream.isTTY === true && (io.env.NO_COLOR ?? "") === "" && io.env.TERM !== "dumb";
    return wanted ? `\x1b[${colour}m${text}\x1b[39m` : text;
  };
  return (name) => {
    const colour = given.get(name) ?? colours[given.size % colours.length] ?? 39;
    given.set(name, colour);
    return {
      stdout: paint(io.stdout, `${name} | `, colour),
      stderr: paint(io.stderr, `${name} | `, colour),
    };
  };
}
