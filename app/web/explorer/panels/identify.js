/* "My code printed ...": a number in, what it may be out. The one thing computed here is how many digits were typed. */

import { conventionLink, frame, make } from "./chart.js";
import { byId, counted, named, number } from "./words.js";

const LARGEST = 0.1; // what the service takes as rtol at most ...
const SMALLEST = 1e-12; // ... and a sensible least, for who pastes all digits of a double
const ZERO = 1e-4; // for an observed 0, which only exact zeros match

/** Give what was typed as a number is written in a query: without spaces around it, a minus sign as a hyphen. */
const plain = (text) => text.trim().replaceAll("−", "-");

/**
 * Read a typed number: its value, the relative error within which it is to be explained, and whether that is what its
 * digits leave open (`exact`), or the nearest that the service takes; null if it is no number.
 */
export function read(text) {
  const typed = plain(text);
  const parts = /^[+-]?(?:\d+(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?$/.exec(typed);
  const value = Number(typed);
  if (!parts || !Number.isFinite(value)) return null;
  if (value === 0) return { value, rtol: ZERO, exact: false };
  const places = (parts[1] ?? parts[2] ?? "").length - Number(parts[3] ?? 0);
  const open = 10 ** -places / 2 / Math.abs(value);
  const rtol = Math.min(LARGEST, Math.max(SMALLEST, open));
  return { value, rtol, exact: rtol === open };
}

/**
 * Mount the panel; see update.
 *
 * Beside what all panels are given, `view.observed(text)`, if it is there, is told each number that is asked for, and
 * `state.observed` of an update, if it is another one, is asked for as if it had been typed: so a link can hold it.
 */
export function mount(element, view) {
  const panel = frame(element, { name: "identify", title: "My code printed …" });
  let now = null; // the answer of the batch that is shown, and the catalogue
  let given = ""; // the number that the page's state held last: one that is typed now is left alone
  let asked = 0; // the number of the newest question: answers to older ones are dropped

  const input = make("input", { type: "text", id: "panel-observed", inputmode: "decimal", autocomplete: "off", spellcheck: "false", "aria-describedby": "panel-digits" });
  const digits = make("p", { id: "panel-digits", class: "panel-hint" });
  const button = make("button", { type: "submit", text: "Explain it" });
  const form = make(
    "form",
    { class: "panel-ask", novalidate: true },
    make("label", { for: "panel-observed", text: "The number that was printed for this batch" }),
    make("div", {}, input, button),
    digits,
  );
  const out = make("div", { class: "panel-out", "aria-live": "polite" });
  panel.body.append(form, out);

  function hint() {
    const typed = read(input.value);
    input.removeAttribute("aria-invalid");
    if (!input.value.trim()) digits.textContent = "Type all the digits that were printed: they say how near an explanation has to come.";
    else if (!typed) digits.textContent = "Digits with a point, and an exponent if there is one: 0.0231 or 2.31e-2.";
    else if (typed.value === 0) digits.textContent = "Taken as zero, which only exact zeros explain.";
    else digits.textContent = `Taken as ${input.value.trim()}, give or take ${typed.exact ? "half a unit of its last digit: " : ""}a relative error of ${number(typed.rtol, 2)}${typed.rtol === LARGEST ? ", the most that is asked for; more digits tell more" : ""}.`;
    return typed;
  }

  /** Take the explanations away, and drop those that are under way. */
  function forget() {
    asked += 1;
    button.disabled = false;
    out.removeAttribute("aria-busy");
    out.replaceChildren();
  }

  function ask() {
    const typed = hint();
    if (!typed) {
      input.setAttribute("aria-invalid", "true");
      forget(); // what stands below would be the explanation of another number
      input.focus();
      return;
    }
    asked += 1;
    const mine = asked;
    out.setAttribute("aria-busy", "true");
    button.disabled = true;
    given = plain(input.value);
    view.observed?.(given);
    view.service
      .identify(typed.value, typed.rtol)
      .then(explained, refused)
      .then((nodes) => {
        if (mine !== asked) return;
        out.replaceChildren(...nodes);
        out.removeAttribute("aria-busy");
        button.disabled = false;
      });
  }

  function refused(problem) {
    return [make("p", { class: "panel-problem", text: problem.detail ?? problem.message ?? "The service did not answer." })];
  }

  function using(uses) {
    return uses.flatMap((use, i) => {
      const { id, when } = typeof use === "string" ? { id: use, when: null } : use;
      return [i ? ", " : "", conventionLink(view.base, id, now.catalogue.get(id)?.project ?? id), when ? ` (${when})` : ""];
    });
  }

  function explanation(found) {
    const values = [].concat(found.value).map((value) => number(value, 6)).join(", ");
    const parameters = Object.entries(found.parameters).map(([name, value]) => `${name} ${number(value)}`);
    const facts = [
      `gives ${values}, off by ${found.relative_error === 0 ? "nothing" : number(found.relative_error, 2)}`,
      found.factor === "1" ? null : `factor ${found.factor}`,
      found.beta === null ? null : `beta ${number(found.beta)}`,
      found.constant ? `with ${found.constant}` : null,
      ...parameters,
      `${number(found.expected_by_chance, 2)} expected by chance`,
    ].filter(Boolean);
    const others = found.used_by.filter((id) => !found.conventions.some((use) => use.id === id));
    const item = make("li", {}, make("p", { class: "panel-formula" }, make("code", { text: found.formula })), make("p", { class: "panel-facts", text: `${facts.join(" · ")}.` }));
    if (found.conventions.length) item.append(make("p", {}, make("strong", { text: "Just this: " }), ...using(found.conventions), "."));
    if (others.length) item.append(make("p", {}, "Reduced in this way, with another factor or weight: ", ...using(others), "."));
    if (found.ambiguous_count) {
      const same = found.ambiguous_with.map((other) => make("li", {}, make("code", { text: other.formula }), ...(other.conventions.length ? [": ", ...using(other.conventions)] : [])));
      const left = found.ambiguous_count - found.ambiguous_with.length;
      if (left > 0) same.push(make("li", { text: `and ${left} more` }));
      item.append(make("details", {}, make("summary", { text: `The same number for this batch, but not for others: ${counted(found.ambiguous_count, "formula")}` }), make("ul", {}, ...same)));
    }
    if (found.variant in now.answer.variants && [null, now.answer.loss].includes(found.loss)) {
      item.append(make("button", { type: "button", text: `Show ${named(found.variant)}`, onclick: () => view.choose(found.variant) }));
    }
    return item;
  }

  function explained(found) {
    const verdict = make("p", { class: `panel-verdict verdict-${found.verdict.code}` }, make("strong", { text: VERDICTS[found.verdict.code] ?? found.verdict.code }), ` ${found.verdict.detail}`);
    const list = make("ol", { class: "panel-explanations" }, ...found.explanations.map(explanation));
    const left = found.explanation_count - found.explanations.length;
    const tried = `Tried: ${found.candidates} different numbers${left > 0 ? `; ${left} more lie within the digits` : ""}.`;
    const skipped = found.skipped.map((row) => make("li", {}, make("code", { text: row.loss }), `: ${row.reason}`));
    return [
      verdict,
      found.explanations.length ? list : null,
      make("p", { class: "panel-hint", text: tried }),
      skipped.length ? make("details", {}, make("summary", { text: `${counted(skipped.length, "loss", "losses")} not tried` }), make("ul", {}, ...skipped)) : null,
    ].filter(Boolean);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault(); // the policy of the page allows no form to be sent
    ask();
  });
  input.addEventListener("input", hint);
  hint();

  /** Draw a state of the page; a new batch takes the explanations of the last one away. */
  function update(state) {
    panel.stale(state.stale);
    if (!state.answer) {
      now = null;
      panel.empty("With a batch, a number that some code printed for it can be explained here.");
      return;
    }
    const first = now === null;
    const changed = !first && now.answer !== state.answer;
    now = { answer: state.answer, catalogue: byId(state.conventions) };
    if (first) panel.say("Type a number that somebody's code printed for this batch, and see which losses, reductions and factors give it, and whose code computes them.");
    if (changed) forget(); // an answer that is still under way is for another batch
    const held = state.observed === undefined || state.observed === null ? "" : String(state.observed);
    if (held === given) return;
    given = held;
    if (held === "" || held === plain(input.value)) return;
    input.value = held;
    ask();
  }

  return { update };
}

const VERDICTS = {
  none: "No explanation.",
  unique: "Found.",
  ambiguous: "More than one explanation.",
  coincidence_likely: "Perhaps a coincidence.",
};
