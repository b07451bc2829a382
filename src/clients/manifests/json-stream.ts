/**
 * Splits a text of consecutive JSON objects, which kubectl accepts. Each is preceded by as many empty lines
 * as lines came before it, so that line numbers stay right. Any other text is returned as it is.
 */
export function jsonObjects(text: string): readonly string[] {
  if (!/^\s*\{/.test(text)) return [text];
  const objects: string[] = [];
  let [depth, start, isQuoted] = [0, 0, false];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character === "\\") at++;
      else if (character === '"') isQuoted = false;
      continue;
    }
    if (character === '"') isQuoted = true;
    else if (character === "{") depth++;
    else if (depth === 0 && character?.trim() !== "") return [text];
    else if (character === "}" && --depth === 0) {
      const linesBefore = text.slice(0, start).split("\n").length - 1;
      objects.push("\n".repeat(linesBefore) + text.slice(start, at + 1));
      start = at + 1;
    }
  }
  return depth === 0 && !isQuoted ? objects : [text];
}
