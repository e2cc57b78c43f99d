/* Effective beta on a logarithmic axis: what known code does to the weight of the KL term, and what each variant does. */

import { box, conventionLink, frame, make, plot, powers, powerText, table, tableBelow, walkable } from "./chart.js";
import { byId, counted, listed, named, number, whyNoKl } from "./words.js";

const { Plot } = globalThis;
const RADIUS = 4.5;
const STEP = 2 * RADIUS + 1; // from dot to dot of a stack
const MARGIN = 12;
const LETTER = 6.8; // pixels of a letter of a name, roughly
const MOST_UNDER = 7; // dots above which a name would float too far from its own
const SAME = 1e-9; // two effective betas that differ by rounding only

/** Whether two numbers are one but for rounding. */
const alike = (one, other) => Math.abs(one - other) <= SAME * Math.max(Math.abs(one), Math.abs(other));

/** Count how many dots of a row can stand above each other at most: those that are nearer than a diameter. */
function tallest(marks, radius, place) {
  const places = marks.map((mark) => place(mark.beta)).sort((one, other) => one - other);
  let most = 1;
  for (let first = 0, last = 0; last < places.length; last += 1) {
    while (places[last] - places[first] > 2 * radius) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Sort marks so that the lonely ones are placed first and a crowd gives way to them; within a crowd, those that fit. */
function crowdsLast(marks) {
  const crowd = (mark) => marks.filter((other) => alike(other.beta, mark.beta)).length;
  const crowds = new Map(marks.map((mark) => [mark, crowd(mark)]));
  return [...marks].sort((one, other) => crowds.get(one) - crowds.get(other) || one.beta - other.beta || other.fits - one.fits);
}

/**
 * Name stacks of dots where there is room: the one of the chosen variant, then the least and the largest.
 *
 * A name stands above its stack and above whatever else is under it, to the side where that is the least; none stands over
 * another name, beyond the chart (`left` to `right`), or above a crowd.
 */
function labelled(code, chosen, place, [left, right], letter) {
  const weights = code.map((mark) => mark.beta);
  const found = [];
  for (const beta of [chosen?.beta, Math.min(...weights), Math.max(...weights)]) {
    const stack = code.filter((mark) => beta !== undefined && alike(mark.beta, beta));
    if (!stack.length || alike(beta, 1) || found.some((label) => alike(label.beta, beta))) continue;
    const ids = [...new Set(stack.map((mark) => mark.id))];
    const text = ids.length > 1 ? `${ids[0]} and ${ids.length - 1} more` : ids[0];
    const at = place(beta);
    const sides = [
      { anchor: "start", dx: -5, from: at - 5, to: at - 5 + text.length * letter },
      { anchor: "end", dx: 5, from: at + 5 - text.length * letter, to: at + 5 },
    ];
    const free = sides
      .filter(({ from, to }) => from >= left && to <= right && !found.some((label) => label.from < to + 8 && from < label.to + 8))
      .map((side) => {
        const under = code.filter((mark) => place(mark.beta) > side.from - RADIUS && place(mark.beta) < side.to + RADIUS);
        return { ...side, beta, text, count: tallest(under, RADIUS, place) };
      })
      .filter((label) => label.count <= MOST_UNDER)
      .sort((one, other) => one.count - other.count);
    if (free.length) found.push(free[0]);
  }
  return found;
}

/** Say what an effective beta does. */
function sentence(id, beta) {
  if (beta === 0) return [`With beta 0 the KL term has no weight: ${named(id)} trains a plain autoencoder.`];
  if (alike(beta, 1)) return [`${named(id)} keeps the proportions of the `, make("strong", { text: "ELBO" }), ": effective beta 1."];
  const [ratio, way, that] = beta > 1 ? [beta, "times the weight", "that"] : [1 / beta, "times less weight", "than"];
  return [
    `${named(id)} gives the KL `,
    make("strong", { text: `${number(ratio)} ${way}` }),
    ` ${that} it has in the ELBO: effective beta ${number(beta)}.`,
  ];
}

/** Mount the panel; see update. */
export function mount(element, view) {
  const panel = frame(element, { name: "beta", title: "How much the KL weighs" });
  const only = make("input", { type: "checkbox", onchange: () => chart.redraw() });
  const onlyText = make("span");
  const detail = make("div", { class: "panel-readout" });
  let now = null; // what is drawn: { answer, variant, catalogue, marks, variants }
  let held = null; // the mark that was pressed: what it says stays until another is

  const marksShown = () => now.marks.filter((mark) => !only.checked || mark.fits);
  const below = tableBelow("Effective betas", () =>
    table(
      "Effective beta of known code for this batch",
      [
        ["Project", (mark) => conventionLink(view.base, mark.id, mark.project)],
        ["Setting", (mark) => mark.when ?? ""],
        ["Loss", (mark) => mark.loss],
        ["Effective beta", (mark) => number(mark.beta, 4), true],
      ],
      [...marksShown()].sort((one, other) => one.beta - other.beta),
    ),
  );

  function show(mark, { hold = null } = {}) {
    if (held !== null && hold === null && mark !== null) return;
    held = hold;
    detail.classList.toggle("held", held !== null);
    if (mark === null) {
      detail.replaceChildren(make("p", { text: "Point at a mark, or walk through them with the arrow keys, to see whose it is. Press one to keep it here; press a variant to choose it." }));
      return;
    }
    if (mark.variant) {
      detail.replaceChildren(
        make("p", {}, make("code", { text: mark.variant }), ` effective beta ${number(mark.beta, 4)}. ${mark.title}.`),
      );
      return;
    }
    const source = now.catalogue.get(mark.id)?.source;
    detail.replaceChildren(
      make(
        "p",
        {},
        conventionLink(view.base, mark.id, mark.project),
        `${mark.when ? ` (${mark.when})` : ""}: effective beta ${number(mark.beta, 4)} for this batch, loss ${mark.loss}. `,
        source?.url ? make("a", { href: source.url, rel: "noreferrer", text: `Source: ${source.repository}, ${source.path}` }) : null,
      ),
    );
  }

  function draw(width, rem) {
    if (!now) return [];
    const code = crowdsLast(marksShown());
    const values = [...code, ...now.variants].map((mark) => mark.beta);
    const domain = [Math.min(1, ...values) / 2, Math.max(1, ...values) * 2];
    const inner = width - 2 * MARGIN;
    const place = (beta) => MARGIN + (inner * Math.log(beta / domain[0])) / Math.log(domain[1] / domain[0]);
    const chosen = now.variants.find((mark) => mark.variant === now.variant);
    const ticks = powers(...domain, inner / rem);
    const shared = { width, usable: true, marginLeft: MARGIN, marginRight: MARGIN };
    const x = { type: "log", domain, label: null };
    const lines = [
      Plot.ruleX(ticks, { className: "grid" }),
      Plot.ruleX([1], { className: "level" }),
      chosen && Plot.ruleX([chosen.beta], { className: "chosen-line" }),
    ];
    const elbo = place(1);
    const apart = chosen && Math.abs(place(chosen.beta) - elbo) > 56 * rem;
    const head = { x: (d) => d, frameAnchor: "top", dy: -16 * rem };

    const upper = plot("The variants by effective beta. Use the arrow keys, Enter chooses.", {
      ...shared,
      height: tallest(now.variants, 6, place) * 13 + 34 * rem,
      marginTop: 22 * rem,
      marginBottom: 6,
      x: { ...x, axis: null },
      marks: [
        ...lines,
        Plot.text([1], { ...head, text: () => (domain[1] < 4 ? "the ELBO: 1" : "1: the ELBO"), textAnchor: domain[1] < 20 ? "end" : domain[0] > 0.05 ? "start" : "middle", className: "level-text" }),
        apart && Plot.text([chosen.beta], { ...head, text: (d) => number(d), className: "chosen-text" }),
        Plot.dot(now.variants, Plot.dodgeY({ anchor: "bottom", padding: 1 }, { x: "beta", r: 6, className: "marks" })),
      ],
    });
    for (const mark of upper.querySelectorAll(".marks > *")) {
      const row = now.variants[mark.__data__];
      mark.classList.add(row.agree ? "agree" : "uneven");
      if (row === chosen) mark.classList.add("chosen");
    }
    walkable(upper, now.variants, {
      key: (mark) => mark.variant,
      label: (mark) => `${mark.variant}: effective beta ${number(mark.beta, 4)}`,
      show,
      press: (mark) => view.choose(mark.variant),
      pressed: (mark) => mark === chosen,
      order: (one, other) => one.beta - other.beta,
    });
    const above = now.variants.length ? [caption("The variants"), upper] : [];
    if (!code.length) return above;

    const labels = inner > 520 ? labelled(code, chosen, place, [0, width], LETTER * rem) : [];
    const lower = plot(`${counted(code.length, "known setting")} of code by effective beta. Use the arrow keys.`, {
      ...shared,
      height: tallest(code, RADIUS, place) * STEP + 34 * rem,
      marginTop: 4,
      marginBottom: 26 * rem,
      x: { ...x, ticks, tickFormat: powerText },
      marks: [
        ...lines,
        ...labels.map((label) => Plot.text([label], { x: "beta", frameAnchor: "bottom", text: "text", dx: label.dx, dy: -(label.count * STEP + 8), textAnchor: label.anchor, className: "soft-text halo" })),
        Plot.dot(code, Plot.dodgeY({ anchor: "bottom", padding: 1 }, { x: "beta", r: RADIUS, className: "marks" })),
      ],
    });
    for (const mark of lower.querySelectorAll(".marks > *")) {
      const row = code[mark.__data__];
      mark.classList.add(row.fits ? "fits" : "other");
      if (chosen && alike(row.beta, chosen.beta)) mark.classList.add("same");
    }
    walkable(lower, code, {
      key: (mark) => `${mark.id} ${mark.when} ${mark.loss}`,
      label: (mark) => `${mark.project}${mark.when ? `, ${mark.when}` : ""}: effective beta ${number(mark.beta, 4)}, ${mark.loss}`,
      show,
      press: (mark) => show(mark, { hold: mark }),
      order: (one, other) => one.beta - other.beta,
    });
    return [...above, caption("Known code"), lower, make("p", { class: "panel-axis", text: "effective beta" })];
  }

  const caption = (text) => make("p", { class: "panel-row", text });
  const chart = box(draw);
  const key = make("p", { class: "panel-key" });
  panel.body.append(make("label", { class: "panel-control" }, only, onlyText), chart.element, key, detail, below.element);
  only.addEventListener("change", () => {
    show(null);
    below.renew();
  });

  /** Draw a state of the page; the same state again changes nothing. */
  function update(state) {
    panel.stale(state.stale);
    const why = whyNoKl(state.answer, "Without a KL term the reductions differ by constant factors only: a learning rate in disguise.");
    if (why) {
      now = null;
      panel.empty(why);
      return;
    }
    if (now && now.answer === state.answer && now.variant === state.variant && now.conventions === state.conventions) return;
    const { answer } = state;
    const other = now?.answer !== answer || now?.conventions !== state.conventions;
    const catalogue = byId(state.conventions);
    now = {
      answer,
      conventions: state.conventions,
      variant: state.variant,
      catalogue,
      marks: (answer.conventions ?? [])
        .filter((row) => row.effective_beta > 0)
        .map((row) => ({
          id: row.id,
          when: row.when,
          loss: row.loss,
          beta: row.effective_beta,
          project: catalogue.get(row.id)?.project ?? row.id,
          fits: row.loss === answer.loss,
        })),
      variants: Object.entries(answer.variants)
        .filter(([, row]) => row.effective_beta > 0)
        .map(([variant, row]) => ({ variant, title: row.title, beta: row.effective_beta, agree: row.batch_reductions_agree })),
    };
    const beta = answer.variants[state.variant]?.effective_beta;
    const words = beta === null || beta === undefined ? [] : sentence(state.variant, beta);
    const same = now.marks.filter((mark) => alike(mark.beta, beta));
    const projects = [...new Set(same.map((mark) => mark.project))];
    if (projects.length) words.push(` For this batch that is also the weight in ${listed(projects, 3)}.`);
    else if (beta > 0 && now.marks.length) words.push(" No code in the catalogue has that weight for this batch.");
    panel.say(...words);
    onlyText.textContent = ` only code whose loss is ${answer.loss}`;
    key.replaceChildren(
      ...[
        ["swatch fits", `code whose loss is ${answer.loss}`],
        ["swatch other", "code with another loss"],
        ["swatch agree", "variant"],
        ["swatch uneven", "variant that reduces its two terms differently over the batch"],
        ["swatch chosen", "the chosen one, and code with its weight"],
      ].map(([name, text]) => make("span", {}, make("span", { class: name, "aria-hidden": "true" }), text)),
    );
    if (other) show(null);
    chart.redraw();
    below.renew();
  }

  return { update };
}
