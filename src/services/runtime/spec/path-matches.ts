/**
 * Whether a name matches a pattern of Go's path.Match, which containerd uses for annotations: `*` matches any
 * characters except "/", `?` one such character; a backslash quotes the next character. `[...]`, whose
 * characters no annotation's name contains, matches nothing. Takes at most time proportional to the product
 * of the lengths.
 */
export function pathMatches(pattern: string, name: string): boolean {
  const parts = tokens(pattern);
  let [part, at] = [0, 0];
  // Where to continue if the text after the last star does not match: one character further.
  let star: { readonly part: number; readonly at: number } | undefined;
  while (at < name.length || part < parts.length) {
    const token = parts[part];
    const character = name[at];
    if (token === "*") {
      star = { part, at };
      part++;
    } else if (token !== undefined && character !== undefined && fits(token, character)) {
      part++;
      at++;
    } else {
      // A star does not match a slash, so earlier stars do not help either.
      const over = star === undefined ? undefined : name[star.at];
      if (star === undefined || over === undefined || over === "/") return false;
      star = { part: star.part, at: star.at + 1 };
      part = star.part + 1;
      at = star.at;
    }
  }
  return true;
}

type Token = "*" | "?" | { readonly literal: string };

function tokens(pattern: string): readonly Token[] {
  const found: Token[] = [];
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index);
    if (character === "*" || character === "?") found.push(character);
    else if (character === "\\") found.push({ literal: pattern.charAt(++index) });
    else found.push({ literal: character });
  }
  return found;
}

function fits(token: Exclude<Token, "*">, character: string): boolean {
  return token === "?" ? character !== "/" : token.literal === character;
}
