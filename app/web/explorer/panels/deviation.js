/* The decoder's standard deviation that each variant assumes without saying so, against the one that fits the batch. */

import { box, frame, make, plot, powers, powerText, table, tableBelow, walkable } from "./chart.js";
import { named, number, whyNoKl } from "./words.js";

const { Plot } = globalThis;
const NAME = 148; // pixels for the longest id
const NEAR = 1.1; // less than a tenth off is no finding

/** Say what a variant assumes, and how far that is from the best. */
function sentence(id, assumed, best) {
  if (assumed === 0) return [`With beta 0, ${named(id)} assumes a decoder without noise.`];
  const ratio = assumed > best ? assumed / best : best / assumed;
  const words = [`${named(id)} assumes a decoder with a standard deviation of ${number(assumed)}, where ${number(best)} fits this batch best`];
  if (ratio < NEAR) return [...words, ": that is as it should be."];
  return [...words, ": ", make("strong", { text: `${number(ratio)} times too ${assumed > best ? "wide" : "narrow"}` }), "."];
}

/** Which way a label has room, at a value of a logarithmic axis. */
function anchor(value, [least, largest]) {
  const share = Math.log(value / least) / Math.log(largest / least);
  return share > 0.8 ? "end" : share < 0.2 ? "start" : "middle";
}

/** Mount the panel; see update. */
export function mount(element, view) {
  const panel = frame(element, { name: "deviation", title: "Which decoder it assumes" });
  const detail = make("div", { class: "panel-readout" });
  let now = null; // what is drawn: { answer, variant, rows, best }

  const below = tableBelow("Standard deviations", () =>
    table(
      "The standard deviation that each variant assumes",
      [
        ["Variant", (row) => make("code", { text: row.variant })],
        ["Assumed", (row) => number(row.assumed, 4), true],
        ["Over the best", (row) => (now.best > 0 ? number(row.assumed / now.best, 4) : "–"), true],
        ["KL weight that would fit", (row) => number(row.weight, 4), true],
      ],
      now.rows,
    ),
  );

  function show(row) {
    const words = row
      ? [make("code", { text: row.variant }), ` assumes ${number(row.assumed, 4)}. A weight of ${number(row.weight)} on its KL term would make that ${number(now.best)}.`]
      : ["Point at a variant, or walk through them with the arrow keys; press one to choose it."];
    detail.replaceChildren(make("p", {}, ...words));
  }

  function draw(width, rem) {
    if (!now) return [];
    const drawn = now.rows.filter((row) => row.assumed > 0);
    if (!drawn.length) return [];
    const values = [...drawn.map((row) => row.assumed), ...(now.best > 0 ? [now.best] : [])];
    const domain = [Math.min(...values) / 1.6, Math.max(...values) * 1.6];
    const beside = width > 2.1 * NAME * rem; // else each name stands above its row
    const marginLeft = beside ? NAME * rem : 10;
    const ticks = powers(...domain, (width - marginLeft) / rem);
    const chosen = (row) => row.variant === now.variant;
    const chart = plot("Assumed standard deviation of each variant. Use the arrow keys, Enter chooses.", {
      width,
      usable: true,
      height: now.rows.length * (beside ? 20 : 34) * rem + (beside ? 52 : 64) * rem,
      marginLeft,
      marginRight: 14,
      marginTop: (beside ? 24 : 36) * rem,
      marginBottom: 28 * rem,
      x: { type: "log", domain, label: null, ticks, tickFormat: powerText },
      y: { domain: now.rows.map((row) => row.variant), label: null, axis: null },
      marks: [
        Plot.text(now.rows, {
          y: "variant",
          text: "variant",
          frameAnchor: "left",
          textAnchor: beside ? "end" : "start",
          dx: beside ? -8 : -4,
          dy: beside ? 0 : -13 * rem,
          className: "names halo",
        }),
        Plot.ruleX(ticks, { className: "grid" }),
        now.best > 0 && Plot.link(drawn, { x1: () => now.best, x2: "assumed", y1: "variant", y2: "variant", className: "stems" }),
        now.best > 0 && Plot.ruleX([now.best], { className: "level" }),
        now.best > 0 &&
          Plot.text([now.best], { x: (d) => d, frameAnchor: "top", textAnchor: anchor(now.best, domain), dy: -16 * rem, text: (d) => `best: ${number(d)}`, className: "level-text" }),
        Plot.dot(drawn, { x: "assumed", y: "variant", r: (row) => (chosen(row) ? 7 : 5), className: "marks" }),
      ],
      r: { type: "identity" },
    });
    for (const mark of chart.querySelectorAll(".marks > *")) {
      const row = drawn[mark.__data__];
      mark.classList.add(row.agree ? "agree" : "uneven");
      if (chosen(row)) mark.classList.add("chosen");
    }
    for (const text of chart.querySelectorAll(".names text")) text.classList.toggle("chosen-text", text.textContent === now.variant);
    walkable(chart, drawn, {
      key: (row) => row.variant,
      label: (row) => `${row.variant}: standard deviation ${number(row.assumed, 4)}`,
      show,
      press: (row) => view.choose(row.variant),
      pressed: chosen,
      order: (one, other) => now.rows.indexOf(one) - now.rows.indexOf(other),
    });
    return [chart, make("p", { class: "panel-axis", text: "standard deviation, in units of x" })];
  }

  const chart = box(draw);
  panel.body.append(chart.element, detail, below.element);

  /** Draw a state of the page; the same state again changes nothing. */
  function update(state) {
    panel.stale(state.stale);
    const { answer } = state;
    const best = answer?.optimal_decoder_variance ?? null;
    const why =
      whyNoKl(answer, "Without a KL term, no reduction assumes how noisy the decoder is.") ??
      (best === null ? `The loss ${answer.loss} is not the likelihood of a Gaussian decoder, so no standard deviation is assumed.` : null);
    if (why) {
      now = null;
      panel.empty(why);
      return;
    }
    if (now && now.answer === answer && now.variant === state.variant) return;
    const other = now?.answer !== answer;
    now = {
      answer,
      variant: state.variant,
      best: Math.sqrt(best),
      rows: Object.entries(answer.variants).map(([variant, row]) => ({
        variant,
        assumed: Math.sqrt(row.implied_decoder_variance),
        weight: row.kl_weight_for?.optimal_variance ?? null,
        agree: row.batch_reductions_agree,
      })),
    };
    const chosen = now.rows.find((row) => row.variant === state.variant);
    panel.say(
      ...(best === 0
        ? [`The reconstruction is exact: the best standard deviation is 0, ${chosen?.assumed === 0 ? "and beta 0 assumes just that" : "and every variant assumes more"}.`]
        : chosen
          ? sentence(chosen.variant, chosen.assumed, now.best)
          : []),
    );
    if (other) show(null);
    chart.redraw();
    below.renew();
  }

  return { update };
}
