/* Effective beta on a logarithmic axis: what known code does to the weight of the KL term, and what each variant does. */

import { box, conventionLink, frame, make, plot, powers, powerText, table, tableBelow, walkable } from "./chart.js";
import { byId, counted, listed, named, number, whyNoKl } from "./words.js";

const { Plot } = globalThis;
const RADIUS = 4.5;
const SAME = 1e-9; // two effective betas that differ by rounding only

/** Whether two numbers are one but for rounding. */
const alike = (one, other) => Math.abs(one - other) <= SAME * Math.max(Math.abs(one), Math.abs(other));

/** Say what an effective beta does. */
function sentence(id, beta) {
  if (beta === 0) return [`With beta 0 the KL term has no weight: ${named(id)} trains a plain autoencoder.`];
  if (alike(beta, 1)) return [`${named(id)} keeps the proportions of the `, make("strong", { text: "ELBO" }), ": effective beta 1."];
  const [ratio, way] = beta > 1 ? [beta, "times the weight"] : [1 / beta, "times less weight"];
  return [
    `${named(id)} gives the KL `,
    make("strong", { text: `${number(ratio)} ${way}` }),
    ` that it has in the ELBO: effective beta ${number(beta)}.`,
  ];
}

/** Mount the panel; see update. */
export function mount(element, view) {
  const panel = frame(element, { name: "beta", title: "How much the KL weighs" });
  const only = make("input", { type: "checkbox", onchange: () => chart.redraw() });
  const onlyText = make("span");
  const detail = make("div", { class: "panel-readout", "aria-live": "polite" });
  let now = null; // what is drawn: { answer, variant, catalogue, marks, variants }

  const marksShown = () => now.marks.filter((mark) => !only.checked || mark.fits);
  const below = tableBelow(() =>
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

  function show(mark) {
    if (mark === null) {
      detail.replaceChildren(make("p", { text: "Point at a mark, or walk through them with the arrow keys, to see whose it is." }));
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
    const code = marksShown();
    const values = [...code, ...now.variants].map((mark) => mark.beta);
    const domain = [Math.min(1, ...values) / 2, Math.max(1, ...values) * 2];
    const margins = { width, marginLeft: 12, marginRight: 12 };
    const x = { type: "log", domain, label: null };
    const perDecade = (width - 24) / Math.log10(domain[1] / domain[0]);
    const tallest = (marks, radius) => {
      const places = marks.map((mark) => perDecade * Math.log10(mark.beta)).sort((one, other) => one - other);
      return Math.max(1, ...places.map((place, i) => places.slice(i).findIndex((other) => other > place + 2 * radius)).map((n, i) => (n < 0 ? places.length - i : n)));
    };
    const chosen = now.variants.find((mark) => mark.variant === now.variant);
    const lines = [
      Plot.ruleX(powers(...domain, width), { className: "grid" }),
      Plot.ruleX([1], { className: "level" }),
      chosen && Plot.ruleX([chosen.beta], { className: "chosen-line" }),
    ];
    const high = tallest(code, RADIUS) * (2 * RADIUS + 1) + 40 * rem;
    const upper = plot(`${counted(code.length, "known setting")} of code by effective beta. Use the arrow keys.`, {
      ...margins,
      usable: true,
      height: high,
      marginTop: 22 * rem,
      marginBottom: 6,
      x: { ...x, axis: null },
      marks: [
        ...lines,
        Plot.text([1], { x: (d) => d, frameAnchor: "top", dy: -16 * rem, text: () => "1: the ELBO", className: "level-text", textAnchor: domain[1] < 20 ? "end" : "middle" }),
        Plot.dot(code, Plot.dodgeY({ anchor: "bottom", padding: 1 }, { x: "beta", r: RADIUS, className: "marks" })),
      ],
    });
    for (const mark of upper.querySelectorAll(".marks > *")) {
      const row = code[mark.__data__];
      mark.classList.add(row.fits ? "fits" : "other");
      if (chosen && alike(row.beta, chosen.beta)) mark.classList.add("same");
    }
    walkable(upper, code, {
      key: (mark) => `${mark.id} ${mark.when}`,
      label: (mark) => `${mark.project}${mark.when ? `, ${mark.when}` : ""}: effective beta ${number(mark.beta, 4)}, ${mark.loss}`,
      show,
      order: (one, other) => one.beta - other.beta,
    });
    if (now.variants.length === 0) return [caption("Known code"), upper];
    const lower = plot("The variants by effective beta. Use the arrow keys, Enter chooses.", {
      ...margins,
      usable: true,
      height: tallest(now.variants, 6) * 14 + 34 * rem,
      marginTop: 4,
      marginBottom: 26 * rem,
      x: { ...x, ticks: powers(...domain, width), tickFormat: powerText },
      marks: [...lines, Plot.dot(now.variants, Plot.dodgeY({ anchor: "top", padding: 1 }, { x: "beta", r: 6, className: "marks" }))],
    });
    for (const mark of lower.querySelectorAll(".marks > *")) {
      const row = now.variants[mark.__data__];
      mark.classList.add(row.agree ? "agree" : "mixed");
      if (row === chosen) mark.classList.add("chosen");
    }
    walkable(lower, now.variants, {
      key: (mark) => mark.variant,
      label: (mark) => `${mark.variant}: effective beta ${number(mark.beta, 4)}`,
      show,
      choose: (mark) => view.choose(mark.variant),
      chosen: (mark) => mark === chosen,
      order: (one, other) => one.beta - other.beta,
    });
    return [caption("Known code"), upper, caption("The variants"), lower, make("p", { class: "panel-axis", text: "effective beta" })];
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
    const why = whyNoKl(state.answer);
    if (why) {
      now = null;
      panel.empty(why);
      return;
    }
    if (now && now.answer === state.answer && now.variant === state.variant && now.conventions === state.conventions) return;
    const { answer } = state;
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
        ["swatch mixed", "variant that sums one term over the batch and averages the other"],
        ["swatch chosen", "the chosen one, and code with its weight"],
      ].map(([name, text]) => make("span", {}, make("span", { class: name, "aria-hidden": "true" }), text)),
    );
    show(null);
    chart.redraw();
    below.renew();
  }

  return { update };
}
