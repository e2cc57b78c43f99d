/* What each latent carries: its KL divergence, averaged over the batch, and which of them are active. */

import { box, frame, make, plot, table, tableBelow } from "./chart.js";
import { number, whyNoKl } from "./words.js";

const { Plot } = globalThis;
const ACTIVE_NAT = 0.01; // as the service counts active_units

/** Say how many latents are active. */
function activity(active, count) {
  if (count === 1) return active ? "The only latent is active" : "The only latent is inactive";
  if (active === 0) return `None of the ${count} latents is active`;
  if (active === count) return `All ${count} latents are active`;
  return `${active} of ${count} latents ${active === 1 ? "is" : "are"} active`;
}

/** Mount the panel; see update. */
export function mount(element) {
  const panel = frame(element, { name: "latents", title: "What each latent carries" });
  const sorted = make("input", { type: "checkbox", onchange: () => redraw() });
  let now = null; // what is drawn: { answer, rows, active }

  const shown = () => (sorted.checked ? [...now.rows].sort((one, other) => other.value - one.value) : now.rows);
  const below = tableBelow("Latents", () =>
    table(
      "KL divergence of each latent, in nat",
      [
        ["Latent", (row) => row.index],
        ["KL", (row) => number(row.value, 4), true],
        ["State", (row) => (row.value > ACTIVE_NAT ? "active" : "inactive")],
      ],
      shown(),
    ),
  );

  function draw(width, rem) {
    if (!now) return [];
    const rows = shown().map((row, place) => ({ ...row, place }));
    const [marginLeft, marginRight] = [44 * rem, 12];
    const thick = Math.max(1, Math.min(26, (0.72 * (width - marginLeft - marginRight)) / rows.length));
    const top = Math.max(...rows.map((row) => row.value), 2 * ACTIVE_NAT) * 1.05;
    const few = rows.length * 26 * rem <= width - marginLeft;
    const chart = plot(panel.root.querySelector(".panel-finding").textContent, {
      width,
      height: 220 * rem,
      marginLeft,
      marginRight,
      marginTop: 12 * rem,
      marginBottom: 28 * rem,
      x: {
        domain: [-0.6, rows.length - 0.4],
        label: null,
        ticks: few ? rows.map((row) => row.place) : sorted.checked ? [] : Math.min(rows.length, 8, Math.floor(width / (48 * rem))),
        tickFormat: (place) => (Number.isInteger(place) && rows[place] ? String(rows[place].index) : ""),
      },
      y: { domain: [0, top], label: null, ticks: 5, tickFormat: (value) => number(value) },
      marks: [
        Plot.gridY({ ticks: 5, className: "grid", stroke: null, strokeOpacity: 1 }),
        Plot.ruleX(rows, { x: "place", y1: 0, y2: "value", strokeWidth: thick, className: "marks" }),
        Plot.ruleY([ACTIVE_NAT], { className: "level" }),
        Plot.dot(rows.filter((row) => row.value <= ACTIVE_NAT), { x: "place", y: 0, dy: -8, symbol: "times", r: 3, className: "crosses" }),
        Plot.tip(
          rows,
          Plot.pointerX({
            x: "place",
            y: "value",
            title: (row) => `latent ${row.index}: ${number(row.value, 4)} nat\n${row.value > ACTIVE_NAT ? "active" : "inactive"}`,
            className: "tip",
          }),
        ),
      ],
    });
    for (const mark of chart.querySelectorAll(".marks > *")) mark.classList.add(rows[mark.__data__].value > ACTIVE_NAT ? "kept" : "lost");
    return [chart, make("p", { class: "panel-axis", text: sorted.checked ? "latents, by their KL" : "latents, by their index" })];
  }

  const chart = box(draw);
  const key = make(
    "p",
    { class: "panel-key" },
    ...[
      ["swatch bar kept", "active: more than 0.01 nat"],
      ["swatch bar lost", "inactive, with a cross"],
    ].map(([name, text]) => make("span", {}, make("span", { class: name, "aria-hidden": "true" }), text)),
  );
  panel.body.append(make("label", { class: "panel-control" }, sorted, " sort by KL"), chart.element, key, below.element);

  function redraw() {
    chart.redraw();
    below.renew();
  }

  /** Draw a state of the page; the same state again changes nothing. */
  function update(state) {
    panel.stale(state.stale);
    const why = whyNoKl(state.answer, "With them, this shows which latents carry something.");
    if (why) {
      now = null;
      panel.empty(why);
      return;
    }
    if (now && now.answer === state.answer) return;
    const { answer } = state;
    now = { answer, rows: answer.latent.kl_per_dimension.map((value, index) => ({ index, value })) };
    const [active, count] = [answer.latent.active_units, answer.shape.latent_count];
    panel.say(
      make("strong", { text: activity(active, count) }),
      active ? `: more than 0.01 nat${count === 1 ? "" : " each"}. ` : count === 1 ? ": no more than 0.01 nat. " : ": none carries more than 0.01 nat. ",
      `${count === 1 ? "It carries" : "Together they carry"} ${number(answer.terms.kl.sum_mean)} nat a sample.`,
    );
    redraw();
  }

  return { update };
}
