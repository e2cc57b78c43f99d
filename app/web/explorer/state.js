/**
 * What the page shows, and how a link says it: one table of fields, each with its default, its parser and its text.
 *
 * The fragment of the address is `name=value` pairs joined by `&`, only those that differ from their defaults:
 * `#sample=digits_vae&loss=huber&delta=0.5&beta=4&variant=mean_mean+sum_mean`. A plus sign is a plus sign. A name that
 * is not known, or a value that cannot be, is left out. A fragment without `=` is a place on the page and no state.
 */

import { ARRAYS } from "./arrays.js";

const REDUCTION = "(?:sum|mean)_(?:sum|mean)";
const VARIANT = new RegExp(`^${REDUCTION}(?:\\+${REDUCTION})?$`);
const MOST_CHARACTERS = 2000; // of a link's data: some programs cut longer addresses

const text = (value) => value;
const word = (value) => (/^[a-z0-9_]{1,64}$/.test(value) ? value : undefined);
const index = (value) => (/^\d{1,9}$/.test(value) ? Number(value) : undefined);
const number = (least, inclusive) => (value) => {
  const parsed = value.trim() === "" ? NaN : Number(value);
  return Number.isFinite(parsed) && (inclusive ? parsed >= least : parsed > least) ? parsed : undefined;
};

/** Every field: its default, and what makes a value of its text (undefined if it cannot be). */
export const FIELDS = {
  sample: { initial: "digits_vae", parse: word }, // "numbers": those below; "file": somebody's own, not in the link
  x: { initial: "", parse: text }, // pasted numbers: cells joined by commas, rows by semicolons
  y: { initial: "", parse: text },
  mu: { initial: "", parse: text },
  logvar: { initial: "", parse: text },
  sample_weight: { initial: "", parse: text },
  loss: { initial: "squared_error", parse: word },
  delta: { initial: 1, parse: number(0, false) },
  variance: { initial: 1, parse: number(0, false) },
  beta: { initial: 1, parse: number(0, true) },
  variant: { initial: "sum_mean+sum_mean", parse: (value) => (VARIANT.test(value) ? value : undefined) },
  at: { initial: 0, parse: index }, // the sample that is looked at
  observed: { initial: "", parse: (value) => (number(-Infinity, false)(value) === undefined ? undefined : value) },
};

/** The state of a page that was opened without a fragment. */
export const initial = () => Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.initial]));

/** Read a fragment (with or without `#`); null if it holds no state. */
export const parse = (fragment) => {
  const pairs = fragment.replace(/^#/, "").split("&").filter((pair) => pair.includes("="));
  if (pairs.length === 0) return null;
  const state = initial();
  for (const pair of pairs) {
    const name = pair.slice(0, pair.indexOf("="));
    if (!Object.hasOwn(FIELDS, name)) continue;
    let value;
    try {
      value = FIELDS[name].parse(decodeURIComponent(pair.slice(pair.indexOf("=") + 1)));
    } catch {
      continue; // a percent sign that encodes nothing
    }
    if (value !== undefined) state[name] = value;
  }
  return state;
};

/** Write the fragment of a state, without `#`; long data are left out, see `fits`. */
export const write = (state) => {
  const kept = Object.keys(FIELDS).filter((name) => state[name] !== FIELDS[name].initial || name === "sample");
  return kept
    .filter((name) => !ARRAYS.includes(name) || (state.sample === "numbers" && fits(state)))
    .map((name) => `${name}=${encodeURIComponent(state[name]).replace(/%2B/g, "+").replace(/%2C/g, ",").replace(/%3B/g, ";")}`)
    .join("&");
};

/** Whether a link can hold the batch of a state: samples always, pasted numbers while they are few. */
export const fits = (state) => {
  if (state.sample === "file") return false;
  return state.sample !== "numbers" || ARRAYS.reduce((sum, name) => sum + state[name].length, 0) <= MOST_CHARACTERS;
};

/** Split a variant's id into its two terms; `kl` is undefined where there is one term only. */
export const termsOf = (variant) => {
  const [reconstruction, kl] = variant.split("+");
  return { reconstruction, kl };
};

/** Give the id of the same choice for a batch with, or without, a KL term. */
export const variantFor = (variant, hasKl) => {
  const { reconstruction, kl } = termsOf(variant);
  return hasKl ? `${reconstruction}+${kl ?? "sum_mean"}` : reconstruction;
};
