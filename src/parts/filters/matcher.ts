import { RE2JS } from "re2js";
import type { Filter } from "./filter.ts";
import type { Selector } from "./parse.ts";

/**
 * Throws for a regular expression that is none. They are Go's, and like Go's take a time that grows with the
 * text alone.
 */
export function matcherOf(selector: Selector): Filter {
  const { path } = selector;
  switch (selector.operator) {
    case undefined:
      return (field) => field(path) !== undefined;
    case "==":
      return (field) => field(path) === selector.value;
    // A field that is not there has the value "" to these two, as in containerd.
    case "!=":
      return (field) => (field(path) ?? "") !== selector.value;
    case "~=": {
      const pattern = RE2JS.compile(selector.value);
      return (field) => pattern.test(field(path) ?? "");
    }
  }
}
