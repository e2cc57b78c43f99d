/**
 * Where a batch comes from: a sample, files, or numbers that were typed. Each becomes the same noun:
 *
 * title     what it is, for the status line
 * arrays    x, y, mu, logvar, sample_weight as `{shape, data}`, those that could be read here; for drawing only
 * hasKl     whether mu and logvar are there
 * body()    what is posted, anew for every request: {type, content}
 * command   what the same call looks like elsewhere, for code.js
 * options   options that came with it (a .json file may hold some), or nothing
 *
 * Nothing is checked here. The service says what is wrong with a batch, for every caller in the same words.
 */

import { ARRAYS, drawable, matrix, readNpy, readNpz, readSafetensors, readText } from "./arrays.js";
import { counted } from "./words.js";

const NPZ = "application/x-npz";
const SAFETENSORS = "application/vnd.safetensors";
const JSON_TYPE = "application/json";

export const SAMPLES = {
  digits_vae: { file: "digits_vae.npz", title: "Handwritten digits and their reconstructions by a VAE" },
  question_100x90: { file: "question_100x90.json", title: "Made-up signals in the question’s shape" },
};

/** The numbers that the form begins with: two samples of three features, with two latents. */
export const FIRST_NUMBERS = { x: "0,1,2;3,4,5", y: "1,0,0;1,2,3", mu: "1,0;1,1", logvar: "0,0;0,0", sample_weight: "" };

/** Read a sample of the page. */
export const fromSample = async (name, files, service) => {
  const { file, title } = SAMPLES[name];
  const bytes = await service.file(`${files}/samples/${file}`);
  const batch = file.endsWith(".npz") ? await fromArchive(bytes, file) : fromDocument(bytes, file);
  return { ...batch, title };
};

const described = (name, arrays) => {
  const { x } = arrays;
  return x ? `${name}: ${counted(x.shape[0], "sample")}, shape ${x.shape.join(" × ")}` : name;
};

const fromArchive = async (bytes, name) => {
  const type = name.endsWith(".npz") ? NPZ : SAFETENSORS;
  let arrays = {};
  try {
    arrays = drawable(type === NPZ ? await readNpz(bytes) : readSafetensors(bytes));
  } catch {
    // Not readable here: the service will say what is wrong, or its answer is drawn alone.
  }
  const content = new Blob([bytes]);
  return {
    title: described(name, arrays),
    arrays,
    hasKl: "mu" in arrays && "logvar" in arrays,
    body: () => ({ type, content }),
    command: { kind: "body", type, file: name },
  };
};

const OPTIONS = ["loss", "delta", "variance", "beta"];

const fromDocument = (bytes, name) => {
  let document;
  try {
    document = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    document = null;
  }
  const sent = { kind: "body", type: JSON_TYPE, file: name };
  if (document === null || typeof document !== "object" || Array.isArray(document)) {
    const content = new Blob([bytes]);
    return { title: name, arrays: {}, hasKl: false, body: () => ({ type: JSON_TYPE, content }), command: sent };
  }
  // Options move from the document to the page's controls, which send them in the query.
  const { include: _, ...rest } = document;
  const options = {};
  for (const option of OPTIONS) {
    if (option in rest) {
      options[option] = rest[option];
      delete rest[option];
    }
  }
  const moved = Object.keys(options).length > 0 || "include" in document;
  const content = new Blob([moved ? JSON.stringify(rest) : bytes]); // as it is where it can be: 1e400 would become null
  let arrays = {};
  try {
    arrays = drawable(Object.fromEntries(ARRAYS.filter((name) => Array.isArray(rest[name])).map((name) => [name, matrix(rest[name])])));
  } catch {
    // Nested too deeply: as above.
  }
  return {
    title: described(name, arrays),
    arrays,
    hasKl: "mu" in rest && "logvar" in rest,
    body: () => ({ type: JSON_TYPE, content }),
    command: moved ? { ...sent, note: `Take the options out of ${name}; here they are in the query.` } : sent,
    options,
  };
};

/**
 * Take files that were dropped or picked.
 *
 * @param {File[]} files
 * @param {Record<string, File>} known files that were given earlier for arrays of a batch that is not whole yet
 * @returns {Promise<{batch?: object, roles?: Record<string, File>, unclear?: File[]}>} a batch; or what is known of one
 *     that is not whole, and the files whose array is not clear from their names
 */
export const fromFiles = async (files, known = {}) => {
  const whole = files.find((file) => /\.(npz|safetensors|json)$/i.test(file.name));
  if (whole) {
    const bytes = new Uint8Array(await whole.arrayBuffer());
    const name = whole.name.toLowerCase();
    const batch = name.endsWith(".json") ? fromDocument(bytes, whole.name) : await fromArchive(bytes, whole.name);
    const others = files.filter((file) => file !== whole).map((file) => file.name);
    return { batch: others.length ? { ...batch, title: `${batch.title}; not read: ${others.join(", ")}` } : batch };
  }
  const roles = { ...known };
  const unclear = [];
  for (const file of files) {
    const role = roleOf(file.name);
    if (role && (!(role in roles) || role in known)) roles[role] = file;
    else unclear.push(file);
  }
  if (unclear.length || !("x" in roles && "y" in roles)) return { roles, unclear };
  return { batch: await fromRoles(roles) };
};

/** Which array a file holds, by its name: `y.npy`, `batch_mu.csv`, `logvar-3.npy`. */
const roleOf = (name) => {
  const words = name.toLowerCase().replace(/\.[a-z]+$/, "").replaceAll("sample_weight", "sampleweight").split(/[^a-z]+/);
  const found = ARRAYS.filter((array) => words.includes(array.replace("_", "")));
  return found.length === 1 ? found[0] : null;
};

/** Make a batch of one file for each array. */
export const fromRoles = async (roles) => {
  const read = {};
  for (const [role, file] of Object.entries(roles)) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    try {
      read[role] = bytes[0] === 0x93 ? readNpy(bytes) : readText(new TextDecoder().decode(bytes));
    } catch {
      // As above: the service has the last word.
    }
  }
  const arrays = drawable(read);
  const names = Object.values(roles).map((file) => file.name).join(", ");
  return {
    title: described(names, arrays),
    arrays,
    hasKl: "mu" in roles && "logvar" in roles,
    body: () => ({ type: null, content: form(Object.entries(roles)) }),
    command: { kind: "form", files: Object.entries(roles).map(([role, file]) => [role, file.name]) },
  };
};

const form = (parts) => {
  const made = new FormData();
  for (const [role, file] of parts) made.append(role, file, file.name);
  return made;
};

// ---- numbers that were typed ----

/** How the form's text stands in a link: rows joined by semicolons, cells by commas. */
export const packText = (text) => {
  const trimmed = text.trim();
  if (trimmed.startsWith("[")) return trimmed.replace(/\s+/g, "");
  const lines = trimmed.split(/\s*\n\s*|;/).filter((line) => line.trim() !== "");
  return lines.map((line) => line.trim().split(/\s*[,\t]\s*|\s+/).join(",")).join(";");
};

/** And back. */
export const unpackText = (packed) => (packed.startsWith("[") ? packed : packed.replaceAll(";", "\n").replaceAll(",", ", "));

/** Make a batch of numbers as links hold them. */
export const fromNumbers = (texts) => {
  const given = Object.entries(texts)
    .filter(([, text]) => text !== "")
    .map(([name, text]) => [name, packText(text)]) // a link that somebody wrote by hand may hold lines
    // There is one weight for each sample: on a line of its own or all on one line, as it is typed.
    .map(([name, text]) => [name, name === "sample_weight" && !text.startsWith("[") ? text.replaceAll(",", ";") : text]);
  const lists = given.map(([name, text]) => [name, listOf(text)]);
  const read = Object.fromEntries(lists.filter(([, list]) => Array.isArray(list)).map(([name, list]) => [name, matrix(list)]));
  const arrays = drawable(read);
  const batch = { title: described("Your numbers", arrays), arrays, hasKl: Boolean(texts.mu && texts.logvar) };
  const numeric = lists.every(([name, list]) => Array.isArray(list) && read[name].data.every((value) => !Number.isNaN(value)));
  if (numeric || given.some(([, text]) => text.startsWith("["))) {
    // JSON goes as it was typed: a browser would make infinity of 1e400, and null of that.
    const content = `{${given.map(([name, text], at) => `"${name}": ${text.startsWith("[") ? text : JSON.stringify(lists[at][1])}`).join(", ")}}`;
    return { ...batch, body: () => ({ type: JSON_TYPE, content }), command: { kind: "inline", type: JSON_TYPE, content } };
  }
  // Something is no number. As text the service sees what was typed, and says in which cell.
  const files = given.map(([name, text]) => [name, new File([text.replaceAll(";", "\n") + "\n"], `${name}.csv`)]);
  return { ...batch, body: () => ({ type: null, content: form(files) }), command: { kind: "form", files: files.map(([name, file]) => [name, file.name]) } };
};

/** Nested lists of a packed text, where what is no number stays a text; null if it is JSON that cannot be read. */
const listOf = (text) => {
  if (text.startsWith("[")) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
  const { shape, data } = readText(text.replaceAll(";", "\n"));
  const rows = text.split(";");
  return Array.from({ length: shape[0] }, (_, row) => {
    const width = rows[row].split(",").length;
    const typed = rows[row + rows.length - shape[0]].split(","); // below a line of names, if there is one
    const cells = Array.from(data.subarray(row * shape[1], row * shape[1] + width), (value, at) => (Number.isNaN(value) ? (typed[at] ?? null) : value));
    return shape[1] === 1 ? cells[0] : cells;
  });
};
