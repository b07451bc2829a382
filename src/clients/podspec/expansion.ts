import type { KeyValue } from "../../ground/protocol/index.ts";

/**
 * `$(NAME)` is the value of a variable, `$$(NAME)` stands for itself, and so does one that is not there
 * (https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/).
 */
export function expand(text: string, variables: readonly KeyValue[]): string {
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
      expanded += valueNamed(variables, name) ?? text.slice(dollar, end + 1);
      at = end + 1;
    }
  }
  return expanded;
}

/** The last one of a name counts, as in a container. */
function valueNamed(variables: readonly KeyValue[], name: string): string | undefined {
  return variables.findLast(({ key }) => key === name)?.value.toString();
}
