import { constants } from "node:os";
import { Signal } from "../../../ground/protocol/index.ts";

/** glibc keeps the kernel's first two real-time signals, 32 and 33, for itself. */
const firstRealTime = 34;
const lastRealTime = 64;

const namesByNumber = new Map<number, string>();
for (const [name, number] of Object.entries(constants.signals)) {
  // Of two names of one signal the first is the usual one (SIGABRT before SIGIOT, SIGIO before SIGPOLL).
  if (!namesByNumber.has(number)) namesByNumber.set(number, name);
}

/** CRI's name of a signal that Linux numbers so; SIGNAL_RUNTIME_DEFAULT if it has none. */
export function signalFromNumber(number: number): Signal {
  const name = `SIGNAL_${namesByNumber.get(number) ?? realTimeName(number)}`;
  return (Signal as Readonly<Record<string, Signal>>)[name] ?? Signal.SIGNAL_RUNTIME_DEFAULT;
}

/** As bash and systemd name them: counted from below up to SIGRTMIN+15, from above from SIGRTMAX-14. */
function realTimeName(number: number): string {
  if (number === firstRealTime) return "SIGRTMIN";
  if (number === lastRealTime) return "SIGRTMAX";
  if (number <= firstRealTime + 15) return `SIGRTMINPLUS${number - firstRealTime}`;
  return `SIGRTMAXMINUS${lastRealTime - number}`;
}
