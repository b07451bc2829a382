/** Memoizes a function of an object, for as long as that object lives. */
export function perObject<Given extends object, Made>(make: (given: Given) => Made): (given: Given) => Made {
  const made = new WeakMap<Given, { readonly value: Made }>();
  return (given) => {
    const known = made.get(given);
    if (known !== undefined) return known.value;
    const value = make(given);
    made.set(given, { value });
    return value;
  };
}

/** Memoizes a function of a list: the last result is returned as long as each item is the same object. */
export function perItems<Item, Made>(
  make: (items: readonly Item[]) => Made,
): (items: readonly Item[]) => Made {
  let last: { readonly items: readonly Item[]; readonly made: Made } | undefined;
  return (items) => {
    if (last === undefined || !haveSameItems(last.items, items)) last = { items, made: make(items) };
    return last.made;
  };
}

function haveSameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
