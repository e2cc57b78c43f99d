/**
 * The picture of the fold: matrices, the vectors that they become, the numbers that those become, and the chosen path.
 *
 * The reconstruction folds from the left and the KL from the right; where both are reduced over the batch in the same
 * way they meet in the middle, as one vector. Rows are samples in every plate, so that a sample is one line across.
 */

import { Bars, HeatMap, extent, paintRamp, scaleOf } from "./heat.js";
import { brief, counted, h, indexOf } from "./words.js";
import { termsOf } from "./state.js";

const MATRICES = {
  x: { symbol: "x", name: "target", kind: "data" },
  y: { symbol: "y", name: "reconstruction", kind: "data" },
  loss: { symbol: "ℓ", name: "loss", kind: "loss" },
  kl: { symbol: "k", name: "KL", kind: "kl" },
};
const REDUCTIONS = ["sum", "mean"];

/** Make the picture. `choose(variant)`, `look(sample)`, `hasKl()` come from the page. */
export const makeFold = (figure, { choose, look }) => {
  const plates = {};
  let shown = null; // { batch, answer, variant }
  let at = 0;
  let marked = {};

  const readout = h("p", { class: "readout", id: "readout" });
  const spoken = h("p", { class: "hidden", role: "status" });
  const overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  overlay.setAttribute("class", "paths");
  overlay.setAttribute("aria-hidden", "true");
  const stage = h("div", { class: "stage" }, overlay);

  const plate = (name, Kind, head, label, area) => {
    const canvas = h("canvas", { tabindex: "0", role: "application", "aria-roledescription": "plot", "aria-describedby": "fold-keys" });
    const box = h("div", { class: `plate plate-${area}`, "data-plate": name }, head, h("div", { class: "frame" }, canvas));
    plates[name] = Object.assign(new Kind(canvas), { box, name, label });
    stage.append(box);
    return plates[name];
  };

  for (const [name, row] of Object.entries(MATRICES)) {
    const size = h("span", { class: "size" });
    const made = plate(name, HeatMap, h("div", { class: "head" }, h("var", {}, row.symbol), h("span", { class: "what", title: row.name }, row.name), size), row.name, name);
    made.size = size;
    made.ramp = h("canvas", { class: "ramp", "aria-hidden": "true" });
    made.ends = [h("span"), h("span")];
    made.box.append(h("div", { class: "legend" }, made.ends[0], made.ramp, made.ends[1]));
  }

  const chips = {};
  const strips = (term, symbol, axis) => {
    for (const first of REDUCTIONS) {
      const button = h("button", { type: "button", class: "reduce", "aria-pressed": "false", onclick: () => pick(term, first, null) }, first);
      button.setAttribute("aria-label", `${first} over the ${axis}`);
      button.title = `${first} over the ${axis}`;
      const head = h("div", { class: "head" }, button);
      const made = plate(`${term}.${first}`, Bars, head, `${symbol}, ${first} over ${axis}`, `${term}-${first}`);
      made.button = button;
      const group = h("div", { class: "chips", role: "group", "aria-label": `${first} over the ${axis}, then over the batch` });
      for (const second of ["mean", "sum"]) {
        const id = `${first}_${second}`;
        const value = h("b", {}, "");
        const chip = h("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => pick(term, first, second) }, h("span", {}, second), value);
        chips[`${term}.${id}`] = { chip, value };
        group.append(chip);
      }
      made.box.append(group);
    }
  };
  strips("reconstruction", "r", "features");
  const together = plate("total", Bars, h("div", { class: "head" }, h("span", { class: "plus" }, "r + β k")), "total per sample", "total");
  together.note = h("p", { class: "mixed" });
  together.box.append(together.note);
  strips("kl", "k", "latents");

  const total = h("output", { class: "total", id: "total" });
  const caption = h("p", { class: "caption" });
  stage.append(h("div", { class: "plate plate-result", "data-plate": "result" }, total), h("div", { class: "plate-words" }, caption, h("p", { class: "verdict", id: "verdict" }), readout));
  figure.replaceChildren(
    stage,
    spoken,
    h("p", { class: "hidden", id: "fold-keys" }, "Arrow keys move from cell to cell; the value is read out. Enter chooses the sample."),
  );

  /** Choose one reduction of a term and leave the rest of the choice. */
  const pick = (term, first, second) => {
    const now = termsOf(shown.variant);
    const [oldFirst, oldSecond] = now[term].split("_");
    const next = { ...now, [term]: `${first ?? oldFirst}_${second ?? oldSecond}` };
    choose(next.kl ? `${next.reconstruction}+${next.kl}` : next.reconstruction);
  };

  // ---- looking at cells ----

  const valueOf = (one, row, column) => {
    if (one instanceof HeatMap) return one.array?.data[row * one.columns + column];
    return one.values?.[row];
  };

  const describe = (one, row, column) => {
    const lines = [];
    const index = one instanceof HeatMap ? indexOf(one.array.shape, row, column) : `[${row}]`;
    const partners = one.name === "kl" || !(one instanceof HeatMap) ? [one.name] : ["x", "y", "loss"];
    for (const name of partners) {
      const other = plates[name];
      if (!other.rows || other.columns !== one.columns) continue;
      const symbol = MATRICES[name]?.symbol ?? (name === "total" ? "t" : `${name[0]} ${name.split(".")[1]}`);
      lines.push(`${symbol}${index} = ${brief(valueOf(other, row, column))}`);
    }
    return lines;
  };

  const vectorsAt = (row) => {
    const words = [];
    for (const [name, symbol] of Object.entries({ reconstruction: "r", kl: "k" })) {
      const { [name]: term } = termsOf(shown.variant);
      const vector = term && shown.answer.per_sample[name]?.[term.split("_")[0]];
      if (vector) words.push(`${symbol} ${term.split("_")[0]} ${brief(vector[row])}`);
    }
    return words.join(" · ");
  };

  const pointAt = (one, row, column, aloud = false) => {
    for (const other of Object.values(plates)) {
      const same = other === one || (one instanceof HeatMap && one.name !== "kl" && ["x", "y", "loss"].includes(other.name) && other.columns === one.columns);
      other.point(row, same && other instanceof HeatMap ? column : -1);
    }
    if (row < 0 || !shown) {
      readout.replaceChildren("");
      return;
    }
    const lines = one ? describe(one, row, column) : [];
    readout.replaceChildren(h("b", {}, `sample ${row}`), ...lines.map((line) => h("span", {}, line)), h("span", { class: "quiet" }, shown.answer ? vectorsAt(row) : ""));
    if (aloud) spoken.textContent = `${one.label} ${lines.join(", ")}`;
  };
  const rest = () => pointAt(null, at, -1);

  for (const one of Object.values(plates)) {
    const { canvas } = one;
    canvas.addEventListener("pointermove", (event) => {
      if (!one.rows) return;
      const cell = one.cellAt(event);
      pointAt(one, cell.row, cell.column);
    });
    canvas.addEventListener("pointerleave", rest);
    canvas.addEventListener("click", (event) => one.rows && look(one.cellAt(event).row));
    canvas.addEventListener("blur", rest);
    canvas.addEventListener("focus", () => {
      if (one.rows && canvas.matches(":focus-visible")) pointAt(one, at, one instanceof HeatMap ? Math.max(one.column, 0) : -1, true);
    });
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], PageUp: [-10, 0], PageDown: [10, 0] };
      if (event.key === "Enter") look(one.row);
      if (!steps[event.key] || !one.rows) return;
      event.preventDefault();
      const [down, across] = steps[event.key];
      const row = Math.max(0, Math.min(one.rows - 1, one.row + down));
      const column = Math.max(0, Math.min(one.columns - 1, Math.max(one.column, 0) + across));
      pointAt(one, row, column, true);
    });
  }

  // ---- the path ----

  const drawPath = () => {
    overlay.replaceChildren();
    if (!shown?.answer) return;
    const box = stage.getBoundingClientRect();
    overlay.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    const place = (element, x, y) => {
      const own = element.getBoundingClientRect();
      return [own.left - box.left + own.width * x, own.top - box.top + own.height * y];
    };
    const line = (points, kind) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", kind);
      path.setAttribute("d", points);
      overlay.append(path);
    };
    const wide = box.width > 760;
    for (const [term, matrix] of [["reconstruction", "loss"], ["kl", "kl"]]) {
      const chosen = termsOf(shown.variant)[term];
      if (!chosen) continue;
      const strip = plates[`${term}.${chosen.split("_")[0]}`];
      const [fromX, fromY] = place(plates[matrix].box.querySelector(".head"), 0.5, 0);
      const [toX, toY] = place(strip.button, 0.5, 0);
      if (wide && !plates[matrix].box.hidden) line(`M${fromX} ${fromY - 4} C${fromX} ${fromY - 26} ${toX} ${toY - 30} ${toX} ${toY - 3}`, `arc ${term}`);
      const { chip } = chips[`${term}.${chosen}`];
      const [chipX, chipY] = place(chip, 0.5, 1);
      const [endX, endY] = place(total, term === "kl" ? 0.75 : shown.answer.per_sample.kl ? 0.25 : 0.5, 0);
      if (wide) {
        const [, stripEnd] = place(strip.canvas, 0.5, 1);
        const [, chipTop] = place(chip, 0.5, 0);
        line(`M${toX} ${stripEnd} L${toX} ${chipTop}`, `stem ${term}`);
        line(`M${chipX} ${chipY} C${chipX} ${chipY + 34} ${endX} ${endY - 34} ${endX} ${endY}`, `stem ${term}`);
      }
    }
  };
  new ResizeObserver(drawPath).observe(stage);

  // ---- what is shown ----

  const showMatrix = (name, array, scale) => {
    const one = plates[name];
    const row = MATRICES[name];
    one.box.hidden = !array;
    one.show(array, scale);
    if (!array) return;
    one.mark(marked[name] ?? []);
    one.size.textContent = array.shape.join(" × ");
    one.canvas.setAttribute("aria-label", `${row.symbol}, ${row.name}: ${array.shape.join(" by ")}, from ${brief(extent(array.data)[0])} to ${brief(extent(array.data)[1])}`);
    one.ends[0].textContent = brief(scale.least);
    one.ends[1].textContent = brief(scale.largest);
    paintRamp(one.ramp, scale.ramp);
    one.box.querySelector(".legend").title = scale.root ? "colour goes with the square root" : "";
  };

  const showMatrices = (batch, answer) => {
    const { x = null, y = null } = batch.arrays;
    const scale = scaleOf("data", extent(...[x, y].filter(Boolean).map((array) => array.data)));
    showMatrix("x", x, scale);
    showMatrix("y", y, scale);
    for (const [name, field] of [["loss", "elementwise"], ["kl", "kl_elementwise"]]) {
      const array = answer?.[field] ?? null;
      showMatrix(name, array, array && scaleOf(MATRICES[name].kind, extent(array.data)));
    }
  };

  const showVectors = (answer) => {
    for (const [term, colour] of [["reconstruction", "--loss"], ["kl", "--kl"]]) {
      for (const first of REDUCTIONS) {
        const one = plates[`${term}.${first}`];
        const values = answer?.per_sample[term]?.[first] ?? null;
        one.box.hidden = !values;
        one.show(values, colour);
        if (!values) continue;
        const [least, largest] = extent(values);
        one.canvas.setAttribute("aria-label", `${one.label}: ${counted(values.length, "number")} from ${brief(least)} to ${brief(largest)}`);
        one.box.dataset.most = brief(one.range[1]);
        for (const second of REDUCTIONS) {
          const value = answer.terms[term][`${first}_${second}`];
          const { chip, value: text } = chips[`${term}.${first}_${second}`];
          text.textContent = brief(value);
          chip.title = `${first} over ${term === "kl" ? "latents" : "features"}, ${second} over batch: ${value}`;
        }
      }
    }
  };

  const showChoice = () => {
    const { answer, variant } = shown;
    const chosen = termsOf(variant);
    for (const [key, { chip }] of Object.entries(chips)) {
      const [term, id] = key.split(".");
      chip.setAttribute("aria-pressed", String(chosen[term] === id));
    }
    for (const term of ["reconstruction", "kl"]) {
      for (const first of REDUCTIONS) {
        const lit = chosen[term]?.split("_")[0] === first;
        plates[`${term}.${first}`].button.setAttribute("aria-pressed", String(lit));
        plates[`${term}.${first}`].box.classList.toggle("lit", lit);
      }
    }
    const row = answer?.variants[variant];
    together.box.hidden = !answer?.per_sample.total;
    figure.classList.toggle("with-kl", Boolean(answer?.per_sample.kl));
    if (row && answer.per_sample.total) {
      const [r, k] = [chosen.reconstruction.split("_")[0], chosen.kl.split("_")[0]];
      const agree = row.batch_reductions_agree;
      together.show(answer.per_sample.total[`${r}+${k}`], "--kl", { values: answer.per_sample.reconstruction[r], colour: "--loss" });
      together.box.classList.toggle("lit", agree);
      together.note.textContent = agree ? `then ${chosen.kl.split("_")[1]}` : "not on the path";
      together.canvas.setAttribute("aria-label", `total per sample, features ${r} and latents ${k}, the reconstruction and, after it, the KL`);
    }
    if (row) {
      const parts = row.kl === null ? "" : `${brief(row.reconstruction)} + ${brief(answer.beta)} × ${brief(row.kl)}`;
      total.replaceChildren(h("strong", { title: String(row.total) }, brief(row.total)), h("span", {}, parts));
    } else total.replaceChildren();
    caption.textContent = row ? `${row.title[0].toUpperCase()}${row.title.slice(1)}.` : "";
  };

  return {
    /** Draw a batch, its answer (or null) and the choice; each only where it is new. */
    update({ batch, answer, variant, sample }) {
      const fresh = !shown || shown.batch !== batch || shown.answer !== answer;
      const chosen = fresh || shown.variant !== variant;
      shown = { batch, answer, variant };
      at = sample;
      if (fresh) {
        marked = {};
        showMatrices(batch, answer);
        showVectors(answer);
      }
      if (chosen) showChoice();
      rest();
      requestAnimationFrame(drawPath);
    },

    /** Ring cells of x, y, mu or logvar: [["x", row, column], ...]; those of arrays that are not drawn are left out. */
    mark(places) {
      marked = {};
      for (const [name, row, column] of places) if (name in MATRICES) (marked[name] ??= []).push([row, column]);
      for (const name of ["x", "y"]) plates[name].mark(marked[name] ?? []);
    },
  };
};
