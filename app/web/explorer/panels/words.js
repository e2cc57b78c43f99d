/* Numbers and names as the panels write them. Nothing of an answer is changed: these are only its spellings. */

const VERSIONS = {
  sum_mean: "Version 1",
  mean_mean: "Version 2",
  "sum_mean+sum_mean": "Version 1 with a summed KL",
  "mean_mean+sum_mean": "Version 2 with a summed KL",
  "sum_mean+mean_mean": "Version 1 with an averaged KL",
  "mean_mean+mean_mean": "Version 2 with an averaged KL",
};

/** Write a number with three digits, and with a power of ten where zeros would hide it; "–" for none. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return spelt(value, digits).replaceAll("-", "−"); // at a hyphen, a line may break
}

function spelt(value, digits) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(power)}`;
  }
  if (size >= 10 ** digits) return String(Math.round(value));
  return String(Number(value.toPrecision(digits)));
}

/** Write a number with all its digits, as the answer has it; "" for none, as a cell of a CSV file is. */
export function exact(value) {
  return value === null || value === undefined ? "" : String(value);
}

/** Write how many there are of something. */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** Name a variant as the question does where it has a name there, else by its id. */
export function named(id) {
  return VERSIONS[id] ?? id;
}

/** Join words as a sentence does, and say how many are left out beyond the first `most`. */
export function listed(words, most = 4) {
  const shown = words.slice(0, most);
  const left = words.length - shown.length;
  if (left > 0) return `${shown.join(", ")} and ${left} more`;
  return shown.length > 1 ? `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}` : (shown[0] ?? "");
}

/** Index the catalogue of conventions by id. */
export function byId(conventions) {
  return new Map((conventions ?? []).map((row) => [row.id, row]));
}

/** Say why there is nothing to show; null if there is a KL term. `needed` says what it would take. */
export function whyNoKl(answer, needed) {
  if (!answer) return "Choose a sample or drop a batch, and this fills in.";
  return answer.terms.kl ? null : `This batch has no mu and logvar. ${needed}`;
}
