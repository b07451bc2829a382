import { NetworkError } from "./network-error.ts";

/** Values of a template: strings, or lists of strings to iterate over. */
export type TemplateData = Readonly<Record<string, string | readonly string[]>>;

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "show"; readonly name: string }
  | {
      readonly kind: "range";
      readonly index: string;
      readonly item: string;
      readonly list: string;
      readonly body: readonly Node[];
    }
  | { readonly kind: "if"; readonly name: string; readonly body: readonly Node[] };

type Scope = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * Renders a template in the part of Go's text/template that CNI configuration templates are written in:
 *
 * - `{{.Name}}` and `{{$variable}}` show a value, `{{.}}` the current item of a range;
 * - `{{range .List}}...{{end}}` and `{{range $i, $item := .List}}...{{end}}` go through a list;
 * - `{{if $i}}...{{end}}` holds for a number that is not 0, a text or list that is not empty;
 * - a comment stands in slashes and stars; `{{-` and `-}}` take away the white space before and behind.
 *
 * Throws NetworkError FailedPrecondition that quotes what it does not understand.
 */
export function renderTemplate(template: string, data: TemplateData): string {
  const scope = Object.fromEntries(Object.entries(data).map(([name, value]) => [`.${name}`, value]));
  const parser = new Parser(template);
  return render(parser.parse(), scope);
}

function render(nodes: readonly Node[], scope: Scope): string {
  return nodes.map((node) => renderNode(node, scope)).join("");
}

function renderNode(node: Node, scope: Scope): string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "show":
      return String(lookUp(node.name, scope));
    case "if":
      return isTrue(lookUp(node.name, scope)) ? render(node.body, scope) : "";
    case "range": {
      const list = lookUp(node.list, scope);
      if (!Array.isArray(list)) throw invalid(`${node.list} is not a list`);
      return list
        .map((item, index) =>
          render(node.body, { ...scope, ".": item, [node.index]: index, [node.item]: item }),
        )
        .join("");
    }
  }
}

function lookUp(name: string, scope: Scope): Scope[string] {
  const value = scope[name];
  if (value === undefined) throw invalid(`unknown field ${name}`);
  return value;
}

function isTrue(value: Scope[string]): boolean {
  return typeof value === "number" ? value !== 0 : value.length > 0;
}

const rangeAction = /^range\s+(?:(\$\w+)\s*,\s*(\$\w+)\s*:=\s*)?(\.\w+)$/;
const ifAction = /^if\s+(\$\w+|\.\w*)$/;
const showAction = /^(\$\w+|\.\w*)$/;
const comment = /^\/\*.*\*\/$/s;

/** Reads actions from left to right; blocks nest by recursion. */
class Parser {
  readonly #pieces: readonly string[];
  #next = 0;

  constructor(template: string) {
    const trimmed = template.replace(/\s*\{\{-\s/g, "{{").replace(/\s-\}\}\s*/g, "}}");
    // Splitting by a group keeps what it matched: texts stand at even places, actions at odd ones.
    this.#pieces = trimmed.split(/\{\{(.*?)\}\}/s);
  }

  parse(): readonly Node[] {
    const nodes = this.#block();
    if (this.#next < this.#pieces.length) throw invalid("{{end}} closes nothing");
    return nodes;
  }

  /** Up to the {{end}} that closes it, or the end of the template. */
  #block(): readonly Node[] {
    const nodes: Node[] = [];
    for (;;) {
      nodes.push({ kind: "text", text: this.#pieces[this.#next++] ?? "" });
      const action = this.#pieces[this.#next++]?.trim();
      if (action === undefined || action === "end") return nodes;
      if (!comment.test(action)) nodes.push(this.#action(action));
    }
  }

  #action(action: string): Node {
    const [, show] = showAction.exec(action) ?? [];
    if (show !== undefined) return { kind: "show", name: show };
    const [, condition] = ifAction.exec(action) ?? [];
    if (condition !== undefined) return { kind: "if", name: condition, body: this.#body(action) };
    const [, index = "", item = "", list] = rangeAction.exec(action) ?? [];
    if (list !== undefined) return { kind: "range", index, item, list, body: this.#body(action) };
    throw invalid(`{{${action}}} is not understood`);
  }

  #body(action: string): readonly Node[] {
    const body = this.#block();
    if (this.#next > this.#pieces.length) throw invalid(`{{${action}}} is not closed`);
    return body;
  }
}

function invalid(reason: string): NetworkError {
  return new NetworkError(
    "FailedPrecondition",
    `the CNI configuration template cannot be rendered: ${reason}`,
  );
}
