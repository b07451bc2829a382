import type { KeyValue } from "../../ground/protocol/index.ts";
import type { Container } from "../manifests/index.ts";
import { PodSpecError } from "./errors.ts";

/**
 * Expands references to variables: `$(NAME)` is a value, `$$(NAME)` an escaped reference; references to
 * missing variables stay unchanged
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
 */
export function expand(text: string, variables: readonly KeyValue[]): string {
  return expandWith(text, (name) => valueNamed(variables, name));
}

/** The same with only those variables of a container that have literal values. */
export function expandStatic(text: string, { env = [] }: Pick<Container, "env">): string {
  return expandWith(text, (name) => env.findLast((one) => one.name === name)?.value);
}

/** Escapes text so that {@link expand} yields it again. */
export function unexpanded(text: string): string {
  let written = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? "";
    // A single dollar stands for itself unless a parenthesis follows.
    const isSpecial =
      letter === "$" && (text[at + 1] === "(" || text[at + 1] === "$" || text[at - 1] === "$");
    written += isSpecial ? "$$" : letter;
  }
  return written;
}

/** As {@link expand}, but each variable must exist and not be empty. Throws PodSpecError. */
export function expandAll(text: string, variables: readonly KeyValue[]): string {
  return expandWith(text, (name) => {
    const value = valueNamed(variables, name);
    if (value !== undefined && value !== "") return value;
    throw new PodSpecError("InvalidArgument", `${JSON.stringify(text)}: variable ${name} has no value`);
  });
}

function expandWith(text: string, lookUp: (name: string) => string | undefined): string {
  let expanded = "";
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf("$", at);
    if (dollar === -1) return expanded + text.slice(at);
    expanded += text.slice(at, dollar);
    const end = text[dollar + 1] === "(" ? text.indexOf(")", dollar) : -1;
    if (text[dollar + 1] === "$") {
      expanded += "$";
      at = dollar + 2;
    } else if (end === -1) {
      expanded += "$";
      at = dollar + 1;
    } else {
      const name = text.slice(dollar + 2, end);
      expanded += lookUp(name) ?? text.slice(dollar, end + 1);
      at = end + 1;
    }
  }
  return expanded;
}

/** The value of a variable; the last one of a name wins, as in a container. */
function valueNamed(variables: readonly KeyValue[], name: string): string | undefined {
  return variables.findLast(({ key }) => key === name)?.value.toString();
}
