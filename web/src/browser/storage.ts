/** What a page remembers. A browser that forbids storage costs memory over reloads, nothing else. */

export function remembered<T>(key: string, isOne: (value: unknown) => value is T): T | null {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`hailstream.${key}`) ?? "null");
    return isOne(value) ? value : null;
  } catch {
    return null;
  }
}

export function remember(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(`hailstream.${key}`);
    else localStorage.setItem(`hailstream.${key}`, JSON.stringify(value));
  } catch {
    // Full or forbidden: the page works on without it.
  }
}

export const isNumber = (value: unknown): value is number => typeof value === "number";
export const isString = (value: unknown): value is string => typeof value === "string";
