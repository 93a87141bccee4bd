// A tiny store: one state, changed by patches; listeners hear of the parts they named.

export interface Store<S extends object> {
  get(): S;
  set(patch: Partial<S>): void;
  /** Run `listener` whenever one of `keys` has a new value. */
  on(keys: (keyof S)[], listener: (state: S) => void): void;
}

export function makeStore<S extends object>(initial: S): Store<S> {
  let state = initial;
  const listeners: { keys: (keyof S)[]; listener: (state: S) => void }[] = [];
  return {
    get: () => state,
    set(patch) {
      const changed = (Object.keys(patch) as (keyof S)[]).filter((key) => patch[key] !== state[key]);
      if (changed.length === 0) return;
      state = { ...state, ...patch };
      for (const { keys, listener } of [...listeners]) if (keys.some((key) => changed.includes(key))) listener(state);
    },
    on(keys, listener) {
      listeners.push({ keys, listener });
    },
  };
}
