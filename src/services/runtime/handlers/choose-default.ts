import { RuntimeError } from "../runtime-error.ts";
import type { Handler, HandlerTable } from "./handler.ts";

/** In this order: crun starts a container in a third of runc's time and memory. */
const preference = ["crun", "runc"];

/**
 * The default handler and the reason for it. Throws RuntimeError InvalidArgument for a name that no handler
 * has.
 */
export function chooseDefault(
  handlers: readonly Handler[],
  configured: string,
): Pick<HandlerTable, "defaultName" | "explanation"> {
  if (configured !== "auto") return chosen(handlers, configured);
  const candidates = [...handlers].sort((a, b) => rank(a) - rank(b));
  const passedOver: string[] = [];
  for (const { name, usability } of candidates) {
    if (usability.kind === "usable")
      return { defaultName: name, explanation: [...passedOver, `${name} is the default`].join("; ") };
    passedOver.push(`${name} cannot be used here: ${usability.reason} (${usability.remedy})`);
  }
  return {
    defaultName: candidates[0]?.name ?? "",
    explanation: [...passedOver, "no runtime handler is usable"].join("; "),
  };
}

function chosen(
  handlers: readonly Handler[],
  name: string,
): Pick<HandlerTable, "defaultName" | "explanation"> {
  if (handlers.some((handler) => handler.name === name))
    return { defaultName: name, explanation: `${name} is configured as the default` };
  const names = handlers.map((handler) => handler.name).join(", ");
  throw new RuntimeError(
    "InvalidArgument",
    `default runtime handler "${name}" is not configured; available: ${names}`,
  );
}

function rank({ type }: Handler): number {
  const place = preference.indexOf(type);
  return place === -1 ? preference.length : place;
}
