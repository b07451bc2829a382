import { constants } from "node:os";

/** SIGRTMIN and SIGRTMAX as programs see them: glibc keeps 32 and 33 for itself. */
const firstRealtime = 34;
const lastRealtime = 64;

const numbers: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));

/**
 * The number of a signal as images and people write it: "SIGTERM", "term", "15", "SIGRTMIN+3", "RTMAX-1".
 * Undefined when there is none of that name.
 */
export function signalNumber(name: string): number | undefined {
  if (/^\d+$/.test(name)) return inRange(Number(name), 1);
  const upper = name.toUpperCase().replace(/^SIG/, "");
  const realtime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(upper);
  if (realtime === null) return numbers.get(`SIG${upper}`);
  const base = realtime[1] === "MIN" ? firstRealtime : lastRealtime;
  const offset = Number(realtime[3] ?? 0) * (realtime[2] === "-" ? -1 : 1);
  return inRange(base + offset, firstRealtime);
}

/** The name of a signal, such as "SIGTERM" or "SIGRTMIN+3"; "signal N" for a number that has none. */
export function signalName(number: number): string {
  if (number >= firstRealtime && number <= lastRealtime) {
    return number === firstRealtime ? "SIGRTMIN" : `SIGRTMIN+${number - firstRealtime}`;
  }
  for (const [name, value] of numbers) if (value === number) return name;
  return `signal ${number}`;
}

function inRange(number: number, first: number): number | undefined {
  return number >= first && number <= lastRealtime ? number : undefined;
}
