/* How many latents can survive: the spectrum of the data's covariance, with the chosen variant's variance through it. */

import { box, frame, make, plot, powers, powerText, table, tableBelow } from "./chart.js";
import { counted, named, number, whyNoKl } from "./words.js";

const { Plot } = globalThis;
const NOTHING = 1e-12; // of the largest eigenvalue: below it, the service promises no digit
const TABLE_ROWS = 200;

/** Say how many directions survive. */
function survivors(kept, most) {
  if (kept === 0) return most === 1 ? "it does not survive" : "none survives";
  if (kept === most) return most === 1 ? "it survives" : "all of them survive";
  return `${kept} of them ${kept === 1 ? "survives" : "survive"}`;
}

/** Mount the panel; see update. */
export function mount(element) {
  const panel = frame(element, { name: "spectrum", title: "How many latents survive" });
  let now = null; // what is drawn: { answer, variant, values, level, kept, bound }

  const below = tableBelow("Eigenvalues", () =>
    table(
      now.values.length > TABLE_ROWS ? `The ${TABLE_ROWS} largest eigenvalues` : "The eigenvalues of the covariance of x",
      [
        ["Direction", (row) => row.place],
        ["Variance", (row) => number(row.value, 4), true],
        [`Above ${number(now.level)}`, (row) => (row.value > now.level ? "yes: survives" : "no: collapses")],
      ],
      now.values.slice(0, TABLE_ROWS),
    ),
  );

  function draw(width, rem) {
    if (!now) return [];
    const drawn = now.values.filter((row) => row.value > NOTHING * now.values[0].value);
    const around = [drawn.at(-1).value, drawn[0].value, ...(now.level > 0 ? [now.level] : [])];
    const domain = [Math.min(...around) / 2, Math.max(...around) * 2];
    const [marginLeft, marginRight] = [44 * rem, 12];
    const height = 260 * rem;
    const slot = (width - marginLeft - marginRight) / drawn.length;
    const thick = slot < 4 ? slot + 0.5 : Math.min(30, 0.72 * slot); // gaps of less than a pixel would flicker
    const high = now.level > Math.sqrt(domain[0] * domain[1]);
    const chart = plot(panel.root.querySelector(".panel-finding").textContent, {
      width,
      height,
      marginLeft,
      marginRight,
      marginTop: 14 * rem,
      marginBottom: 28 * rem,
      x: { domain: [0.4, drawn.length + 0.6], label: null, ticks: Math.min(drawn.length, 8, Math.floor(width / (48 * rem))), tickFormat: (place) => (Number.isInteger(place) ? String(place) : "") },
      y: { type: "log", domain, label: null, ticks: powers(...domain, height / rem, 24), tickFormat: powerText },
      marks: [
        Plot.ruleY(powers(...domain, height / rem, 24), { className: "grid" }),
        Plot.ruleX(drawn, { x: "place", y1: domain[0], y2: "value", strokeWidth: thick, className: "marks" }),
        now.level > 0 && Plot.ruleY([now.level], { className: "chosen-line" }),
        now.level > 0 &&
          Plot.text([now.level], {
            y: (d) => d,
            frameAnchor: "right",
            textAnchor: "end",
            dy: (high ? 11 : -9) * rem,
            text: (d) => (width > 340 * rem ? `${named(now.variant)}: ${number(d)}` : number(d)),
            className: "chosen-text halo",
          }),
        Plot.tip(
          drawn,
          Plot.pointerX({ x: "place", y: "value", title: (row) => `direction ${row.place}: variance ${number(row.value, 4)}\n${row.value > now.level ? "survives" : "collapses"}`, className: "tip" }),
        ),
      ],
    });
    for (const mark of chart.querySelectorAll(".marks > *")) mark.classList.add(drawn[mark.__data__].value > now.level ? "kept" : "lost");
    return [chart, make("p", { class: "panel-axis", text: "directions of the data, by their variance" })];
  }

  const chart = box(draw);
  const key = make("p", { class: "panel-key" });
  panel.body.append(chart.element, key, below.element);
  key.append(
    ...[
      ["swatch bar kept", "a latent that survives"],
      ["swatch bar lost", "one that collapses onto the prior"],
      ["swatch line", "the decoder variance that the chosen variant assumes"],
    ].map(([name, text]) => make("span", {}, make("span", { class: name, "aria-hidden": "true" }), text)),
  );

  /** Draw a state of the page; the same state again changes nothing. */
  function update(state) {
    panel.stale(state.stale);
    const { answer } = state;
    const forecast = answer?.collapse;
    const why =
      whyNoKl(answer, "With them, this says how many latents each reduction lets survive.") ?? (forecast ? null : "The forecast is made for the squared errors only: it is exact there, and unknown elsewhere.");
    const variant = forecast?.variants[state.variant];
    if (why || !variant) {
      now = null;
      panel.empty(why ?? "Choose a variant with a KL term.");
      return;
    }
    if (now && now.answer === answer && now.variant === state.variant) return;
    now = {
      answer,
      variant: state.variant,
      values: forecast.covariance_spectrum.map((value, i) => ({ place: i + 1, value })),
      level: answer.variants[state.variant].implied_decoder_variance,
      kept: variant.linear_directions,
      bound: variant.kl_upper_bound,
    };
    const most = now.values.filter((row) => row.value > NOTHING * now.values[0].value).length;
    if (most === 0) {
      now = null;
      panel.empty("All samples of this batch are the same, so there is nothing that a latent could carry.");
      return;
    }
    const limit = Math.min(most, answer.shape.latent_count);
    panel.say(
      `The samples of this batch vary in ${counted(most, "direction")}. Under ${named(state.variant)}, `,
      make("strong", { text: survivors(now.kept, most) }),
      now.kept === 0
        ? ": every latent of a linear autoencoder collapses."
        : now.kept > limit
          ? ` in a linear autoencoder, which is more than the ${counted(answer.shape.latent_count, "latent")} here.`
          : ` in a linear autoencoder${now.kept < most ? "; the others collapse" : ""}.`,
      ...(now.bound === null
        ? [" Its KL has no upper bound."]
        : [" For every architecture that can ignore its latents, the KL at the optimum is ", make("strong", { text: `at most ${number(now.bound)} nat` }), "."]),
    );
    chart.redraw();
    below.renew();
  }

  return { update };
}
