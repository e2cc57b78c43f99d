/** Wires the page: state in, request out, answer to everything that draws. */

import * as beta from "./panels/beta.js";
import * as deviation from "./panels/deviation.js";
import * as identify from "./panels/identify.js";
import * as latents from "./panels/latents.js";
import * as spectrum from "./panels/spectrum.js";
import * as variants from "./panels/variants.js";
import { ARRAYS } from "./arrays.js";
import { copy, makeCode } from "./code.js";
import { makeFilm } from "./film.js";
import { makeFold } from "./fold.js";
import { makeGrid, verdict, warnings } from "./grid.js";
import { FIRST_NUMBERS, SAMPLES, fromFiles, fromNumbers, fromRoles, fromSample, packText, unpackText } from "./intake.js";
import { Problem, Service } from "./service.js";
import { FIELDS, fits, initial, parse, variantFor, write } from "./state.js";
import { h } from "./words.js";

const $ = (selector) => document.querySelector(selector);
const bench = $("#workbench");
const base = bench.dataset.root;
const service = new Service(base);
const PAUSE = 120; // milliseconds after the last movement of a slider before the service is asked
const MOST_CELLS = 4e6; // of which the loss is asked for element by element: 32 MB of answer
const REST = 200; // milliseconds between two changes of the address

let state = parse(location.hash) ?? initial();
let losses = [];
let conventions = [];
let batch = null;
let batchKey = "";
let own = null; // the batch of somebody's own files, for the way back to it
let typed = null; // the numbers that were typed last, for the way back to those that a link cannot hold
let answer = null;
let problem = null;
let asking = null; // what aborts the request under way
let waiting = 0;

// ---- the parts of the page ----

const choose = (variant) => set({ variant });
const look = (at) => set({ at });
const fold = makeFold($("#fold"), { choose, look });
const film = makeFilm($("#film"), { look });
const grid = makeGrid($("#grid"), { choose });
const code = makeCode($("#code"), { address: (path) => service.address(path), wantsToken: () => service.token !== "" });

let rtol = null; // how near the last explanation had to come; the panel reads it off the digits
const view = {
  base,
  choose,
  observed: (text) => set({ observed: text }),
  service: {
    conventions: () => service.conventions(),
    identify: (observed, within) => {
      rtol = within;
      showCode();
      return service.identify(batch.body(), [...options(), ["observed", String(observed)], ["rtol", String(within)]]);
    },
  },
};
const PANELS = { beta, deviation, latents, spectrum, variants, identify };
const panels = Object.entries(PANELS).map(([name, panel]) => panel.mount($(`#chart-${name}`), view));

document.querySelectorAll("[data-needs-script]").forEach((element) => (element.hidden = false));
$("#film").hidden = true;

// ---- state to request ----

const lossRow = () => losses.find((row) => row.name === state.loss || row.aliases.includes(state.loss));

const options = () => {
  const query = [["loss", state.loss]];
  for (const parameter of Object.keys(lossRow()?.parameters ?? {})) query.push([parameter, String(state[parameter])]);
  query.push(["beta", String(state.beta)]);
  return query;
};

const tooLarge = () => (batch.arrays.x?.data.length ?? 0) > MOST_CELLS;

/** What to ask for beside the vectors: only squared errors with latents have a forecast of their collapse. */
const extras = (forPeople) => {
  const forecast = batch.hasKl && /squared_error$/.test(lossRow()?.name ?? "") && lossRow()?.gaussian;
  const matrices = ["elementwise", ...(batch.hasKl ? ["kl_elementwise"] : [])];
  const names = forPeople ? [] : [...(tooLarge() ? [] : matrices), "conventions"];
  return [...names, ...(forecast ? ["collapse"] : [])].map((name) => ["include", name]);
};

const KEYS = ["sample", ...ARRAYS];
const NO_NUMBERS = Object.fromEntries(ARRAYS.map((name) => [name, ""]));
const keyOf = (one) => KEYS.map((name) => one[name]).join("\n");
const noNumbers = (one) => ARRAYS.every((name) => one[name] === "");

/** Get the batch that the state names, where it is not there already. */
const prepare = async () => {
  if (batch && batchKey === keyOf(state)) return;
  const key = keyOf(state);
  let next = null;
  if (state.sample === "numbers" && (typed || !noNumbers(state))) next = fromNumbers(Object.fromEntries(ARRAYS.map((name) => [name, state[name]])));
  else if (state.sample === "file") next = own;
  else if (state.sample in SAMPLES) next = await fromSample(state.sample, bench.dataset.files, service);
  if (key !== keyOf(state)) return;
  batch = next;
  batchKey = key;
};

/** What is said where a link names a batch that it does not hold. */
const LOST = {
  file: "This link was made with a file of somebody’s own, which a link cannot hold. Drop the file to see the view.",
  numbers: "This link was made with more numbers than a link can hold. Paste them again to see the view.",
};

const ask = async () => {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  bench.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => say("Asking …"), 400);
  try {
    await Promise.all([ready, prepare()]);
    if (mine.signal.aborted) return;
    if (!batch) {
      answer = null;
      problem = null;
      say(LOST[state.sample] ?? "There is no such batch; choose one.");
      open(state.sample === "numbers" ? "numbers" : "files");
      draw();
      return;
    }
    const query = [...options(), ...extras(false)];
    const progress = $("#progress");
    const got = await service.loss(batch.body(), query, {
      signal: mine.signal,
      progress: (share) => {
        progress.hidden = share >= 1 || share <= 0;
        progress.value = share;
        if (!progress.hidden) say(`Sending: ${Math.round(share * 100)} %`);
      },
    });
    if (mine.signal.aborted) return;
    answer = got;
    problem = null;
    say(tooLarge() ? `${batch.title}. Its losses are too many to draw one by one; here are their sums and means.` : batch.title);
    if (state.sample === "file") open(null);
  } catch (error) {
    if (error.name === "AbortError" || mine.signal.aborted) return;
    problem = error instanceof Problem ? error : new Problem({ title: "The page could not draw this", detail: String(error) });
    if (!PASSING.includes(problem.status)) answer = null;
    say(batch?.title ?? "");
  } finally {
    clearTimeout(slow);
    if (asking === mine) {
      asking = null;
      bench.removeAttribute("aria-busy");
      $("#progress").hidden = true;
    }
  }
  draw();
  showProblem();
};

const askSoon = () => {
  clearTimeout(waiting);
  waiting = setTimeout(ask, PAUSE);
  drawPanels(true);
};

let noted = 0; // when the address was written last
let toNote = 0;

/** Write the address; not more often than browsers let it be written, so that a slider can be dragged. */
const note = () => {
  clearTimeout(toNote);
  const rest = noted + REST - performance.now();
  if (rest > 0) {
    toNote = setTimeout(note, rest);
    return;
  }
  noted = performance.now();
  history.replaceState(null, "", `#${write(state)}`);
};

/** Change the state: the address follows, and the service is asked if its answer depends on what changed. */
const set = (changes, soon = false) => {
  const before = state;
  state = { ...state, ...changes };
  note();
  const needs = Object.keys(changes).some((name) => !["variant", "at", "observed"].includes(name) && before[name] !== state[name]);
  showControls();
  if (!needs) draw();
  else if (soon) askSoon();
  else ask();
};

// ---- drawing ----

const stateOfPanels = (stale) => ({ answer, variant: answer ? variantFor(state.variant, Boolean(answer.per_sample.kl)) : state.variant, loss: state.loss, beta: state.beta, observed: state.observed, conventions, problem, stale });

let drawn = {};

/** Tell the panels, if there is something that they do not know yet: which sample is looked at does not concern them. */
const drawPanels = (stale) => {
  const next = stateOfPanels(stale);
  if (Object.keys(next).every((name) => next[name] === drawn[name])) return;
  drawn = next;
  panels.forEach((panel) => panel.update(next));
};

const draw = () => {
  if (batch) {
    const hasKl = answer ? Boolean(answer.per_sample.kl) : batch.hasKl;
    const variant = variantFor(state.variant, hasKl);
    const sample = Math.min(state.at, (answer?.shape.batch ?? batch.arrays.x?.shape[0] ?? 1) - 1);
    fold.update({ batch, answer, variant, sample });
    film.update({ batch, answer, sample });
    grid.update({ answer, variant });
    $("#verdict").replaceChildren(...verdict(answer, variant));
    $("#warnings").replaceChildren(...warnings(answer, variant));
    for (const label of form.querySelectorAll(".beta, .beta-number")) label.hidden = !hasKl;
    $("#cells-note").textContent = hasKl
      ? "Two reductions for the error, two for the KL: sixteen totals. The number below each is its effective beta. Dashed cells reduce the two terms over the batch in different ways."
      : "Two reductions, in order: four numbers, one optimum.";
    showCode();
  }
  $("#fold").hidden = !batch;
  $("#cells").hidden = !answer;
  if (!batch) $("#film").hidden = true;
  $("#link-note").textContent = fits(state) ? "" : state.sample === "file" ? "A link cannot hold your file; who opens it has to drop the file again." : "These numbers are too many for a link.";
  // The fold is what one looks at: it is painted first, and the charts in the frame after it.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      performance.mark("lossgrid:painted");
      drawPanels(asking !== null);
      requestAnimationFrame(() => performance.mark("lossgrid:charted"));
    }),
  );
};

const showCode = () => {
  const calls = [{ title: "Every variant", path: "/loss", command: batch.command, query: [...options(), ...extras(true)], note: batch.command.note }];
  if (state.observed !== "" && rtol !== null) calls.push({ title: "What the number is", path: "/loss/identify", command: batch.command, query: [...options(), ["observed", state.observed], ["rtol", String(rtol)]] });
  code.update(calls);
};

const say = (text) => {
  if ($("#status").textContent !== text) $("#status").textContent = text;
};

const PASSING = [0, 408, 429, 503]; // what may be otherwise a moment later

const POINTER = /^\/(x|y|mu|logvar|sample_weight)(?:\/(\d+))?((?:\/\d+)*)$/;

/** Say what is wrong, beside the input, and ring the cells that are. */
const showProblem = () => {
  const place = $("#problem");
  place.hidden = !problem;
  if (!problem) return;
  const places = problem.errors
    .map(({ pointer }) => POINTER.exec(pointer ?? ""))
    .filter((found) => found?.[2] !== undefined)
    .map(([, name, row, rest]) => [name, Number(row), columnOf(name, rest.split("/").slice(1).map(Number))]);
  fold.mark(places);
  const items = problem.errors.map(({ pointer, detail }) => h("li", {}, h("code", {}, pointer || "/"), ` ${detail}`));
  const link = problem.type ? h("a", { href: base + problem.type }, "What this means") : "";
  const again = PASSING.includes(problem.status) ? h("button", { type: "button", onclick: ask }, "Ask again") : "";
  const more = problem.status === 401 ? tokenForm() : h("p", { class: "ways" }, again, link);
  place.replaceChildren(h("strong", {}, problem.title), h("p", {}, problem.detail), items.length > 1 ? h("ul", {}, ...items) : "", more);
  // Not while somebody walks through the losses or types a beta, nor for a service that is gone: the alert is read out anyway.
  if (!PASSING.includes(problem.status) && !form.contains(document.activeElement)) place.focus({ preventScroll: true });
  place.scrollIntoView({ block: "nearest" });
};

/** Ask for the token that the service wants; it stays in this page. */
const tokenForm = () => {
  const input = h("input", { type: "password", name: "token", autocomplete: "off", required: true, "aria-label": "Token" });
  const form = h("form", { class: "ways" }, input, h("button", { type: "submit" }, "Use this token"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    service.token = input.value.trim();
    ask();
  });
  return form;
};

const columnOf = (name, inner) => {
  const shape = batch?.arrays[name]?.shape ?? [];
  if (inner.length === 0) return shape.length > 1 ? -1 : 0;
  return inner.reduce((sum, index, axis) => sum * (shape[axis + 1] ?? 1) + index, 0);
};

// ---- controls ----

const form = $(".options");
const slider = form.elements["beta-slider"];

const showControls = () => {
  for (const name of ["loss", "delta", "variance", "beta"]) {
    const control = form.elements[name];
    if (document.activeElement === control) continue;
    control.value = String(state[name]);
    control.removeAttribute("aria-invalid");
  }
  slider.value = String(state.beta > 0 ? Math.log10(state.beta) : slider.min);
  slider.setAttribute("aria-valuetext", String(state.beta)); // not its logarithm
  const row = lossRow();
  for (const label of form.querySelectorAll("[data-parameter]")) label.hidden = !(label.dataset.parameter in (row?.parameters ?? {}));
  if (row) {
    form.elements.loss.value = row.name;
    const { text } = row.formula;
    $("#formula").textContent = `ℓ = ${text.replaceAll("^2", "²")}${/\be\b/.test(text) ? "   with e = x − y" : ""}`;
    $("#formula").title = row.note ?? "";
  }
  for (const button of document.querySelectorAll(".sources button")) {
    const own = button.dataset.sample ?? { files: "file", numbers: "numbers" }[button.dataset.open];
    button.setAttribute("aria-pressed", String(own === state.sample));
  }
};

form.addEventListener("submit", (event) => event.preventDefault());
form.elements.loss.addEventListener("change", () => set({ loss: form.elements.loss.value }));
slider.addEventListener("input", () => set({ beta: Number((10 ** Number(slider.value)).toPrecision(3)) }, true));
for (const name of ["delta", "variance", "beta"]) {
  const control = form.elements[name];
  control.addEventListener("input", () => {
    const value = FIELDS[name].parse(control.value);
    control.setAttribute("aria-invalid", String(value === undefined));
    if (value !== undefined) set({ [name]: value }, true);
  });
  control.addEventListener("blur", () => setTimeout(showControls)); // what cannot be gives way to what is shown
}

const open = (drawer) => {
  for (const one of document.querySelectorAll(".drawer")) one.hidden = one.id !== drawer;
  for (const button of document.querySelectorAll("[data-open]")) button.setAttribute("aria-expanded", String(button.dataset.open === drawer));
};

const takeSample = (sample) => {
  latest += 1;
  open(null);
  set({ sample, ...NO_NUMBERS, at: 0 });
};
for (const button of document.querySelectorAll("[data-sample]")) button.addEventListener("click", () => takeSample(button.dataset.sample));
for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => {
    open(button.getAttribute("aria-expanded") === "true" ? null : button.dataset.open);
    if (button.dataset.open === "numbers") fillNumbers();
  });
}

// ---- numbers ----

const numbers = $("#numbers");
const fillNumbers = (anew = false) => {
  const from = state.sample === "numbers" ? state : FIRST_NUMBERS;
  for (const name of ARRAYS) if (anew || numbers.elements[name].value === "") numbers.elements[name].value = unpackText(from[name]);
};
numbers.addEventListener("submit", (event) => {
  event.preventDefault();
  const texts = Object.fromEntries(ARRAYS.map((name) => [name, packText(numbers.elements[name].value)]));
  batchKey = "";
  latest += 1;
  typed = texts;
  set({ sample: "numbers", at: 0, ...texts });
  if (asking === null) ask();
});

// ---- files ----

let gathered = {};
let latest = 0; // the number of the newest choice of a batch: files that are still read for an older one are dropped

const takeBatch = (next) => {
  gathered = {};
  $("#roles").hidden = true;
  const found = {};
  for (const [name, value] of Object.entries(next.options ?? {})) {
    const parsed = FIELDS[name].parse(String(value));
    if (parsed !== undefined) found[name] = parsed;
  }
  state = { ...state, sample: "file", ...NO_NUMBERS, at: 0, ...found };
  own = next;
  batch = next;
  batchKey = keyOf(state);
  answer = null;
  note();
  showControls();
  ask();
};

const takeFiles = async (files) => {
  if (files.length === 0) return;
  open("files");
  problem = null;
  $("#problem").hidden = true;
  latest += 1;
  const mine = latest;
  let taken;
  try {
    taken = await fromFiles([...files], gathered);
  } catch (error) {
    if (mine !== latest) return;
    const names = [...files].map((file) => file.name).join(", ");
    problem = new Problem({ title: "The browser cannot read this", detail: `${names}: ${error.message} A folder cannot be dropped; drop the files in it.` });
    showProblem();
    return;
  }
  if (mine !== latest) return;
  if (taken.batch) {
    takeBatch(taken.batch);
    return;
  }
  gathered = taken.roles;
  if (taken.unclear.length) askRoles(taken.unclear);
  else sayMissing();
};

/** Say which files are still to come. */
const sayMissing = () => {
  const here = Object.keys(gathered);
  const missing = ["x", "y"].filter((name) => !(name in gathered));
  const said = here.length ? `${here.join(" and ")} ${here.length > 1 ? "are" : "is"} here; now drop` : "Drop";
  say(`${said} the ${missing.length > 1 ? "files" : "file"} of ${missing.join(" and ")}.`);
};

/** Names do not say which array a file holds: let the person say. */
const askRoles = (files) => {
  const roles = $("#roles");
  const free = ARRAYS.filter((name) => !(name in gathered));
  const rows = files.map((file, at) => {
    const select = h("select", {}, ...[...ARRAYS, "none of them"].map((name) => h("option", { value: name }, name)));
    select.value = free[at] ?? "none of them";
    return h("label", {}, `${file.name} `, select);
  });
  roles.querySelector(".rows").replaceChildren(...rows);
  roles.hidden = false;
  roles.onsubmit = async (event) => {
    event.preventDefault();
    const chosen = { ...gathered };
    rows.forEach((row, at) => {
      const role = row.querySelector("select").value;
      if (ARRAYS.includes(role)) chosen[role] = files[at];
    });
    if ("x" in chosen && "y" in chosen) takeBatch(await fromRoles(chosen));
    else {
      gathered = chosen;
      roles.hidden = true;
      sayMissing();
      $("#pick").focus();
    }
  };
  roles.querySelector("select").focus();
};

$("#pick").addEventListener("change", (event) => {
  const files = [...event.target.files];
  event.target.value = ""; // so that the same file can be picked again after it was mended
  takeFiles(files);
});
for (const type of ["dragenter", "dragover"]) {
  addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  takeFiles(event.dataTransfer.files);
});

// ---- links ----

$("#copy-link").addEventListener("click", (event) => copy(new URL(`#${write(state)}`, location.href).href, event.currentTarget));
for (const link of document.querySelectorAll("article a[href^='#'][href*='=']")) {
  link.addEventListener("click", () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    bench.querySelector(".options").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  });
}
addEventListener("hashchange", () => {
  const next = parse(location.hash);
  if (!next) return;
  clearTimeout(toNote);
  if (next.sample === "numbers" && noNumbers(next)) Object.assign(next, typed);
  const needs = Object.keys(FIELDS).some((name) => !["variant", "at", "observed"].includes(name) && next[name] !== state[name]);
  state = next;
  if (state.sample === "numbers" && !noNumbers(state)) fillNumbers(true);
  showControls();
  if (needs) ask();
  else draw();
});

// ---- begin ----

const fillLosses = (rows) => {
  losses = rows;
  form.elements.loss.replaceChildren(...rows.map((row) => h("option", { value: row.name }, row.title)));
  showControls();
};
const ready = service.losses().then(fillLosses, () => undefined);
service.conventions().then(
  (rows) => {
    conventions = rows;
    drawPanels(asking !== null);
  },
  () => undefined,
);
if (state.sample === "numbers") {
  open("numbers");
  fillNumbers();
}
if (location.hash.includes("=")) note();
showControls();
ask();
