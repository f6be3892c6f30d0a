/** One reducer's state, and who wants to know when it changes. */

import { useEffect, useState } from "preact/hooks";

export class Store<S, E> {
  private readonly listeners = new Set<(state: S) => void>();

  constructor(
    private readonly reduce: (state: S, event: E) => S,
    public state: S,
  ) {}

  readonly tell = (event: E): void => {
    const next = this.reduce(this.state, event);
    if (next === this.state) return;
    this.state = next;
    for (const listener of [...this.listeners]) listener(next);
  };

  subscribe(listener: (state: S) => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
}

export function useStore<S, E>(store: Store<S, E>): S {
  const [state, setState] = useState<S>(store.state);
  useEffect(() => {
    setState(() => store.state);
    return store.subscribe((next) => {
      setState(() => next);
    });
  }, [store]);
  return state;
}

/** A store that is simply set. */
export const cell = <T>(value: T): Store<T, T> => new Store<T, T>((_, next) => next, value);

/** The time, renewed every `everyMs`: for ages that grow while nothing else happens. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => {
      setNow(Date.now());
    }, everyMs);
    return () => {
      window.clearInterval(timer);
    };
  }, [everyMs]);
  return now;
}
