/* What all panels share: the frame with its sentence, and charts that fit their box and can be walked with the keyboard.
 *
 * Plot is a global: vendor/observablehq-plot is a classic script that runs before the modules. It writes a <style>
 * element of fixed text into each chart, which the page's policy lets in by its hash; the text contains the class name,
 * so CLASS belongs to that hash.
 */

const { Plot } = globalThis;
const CLASS = "plot";
const REACH_PX = 22;

/** Make an element: its tag, its attributes (`text` is its content, `on...` its listeners), and its children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Link to a convention's own answer. */
export function conventionLink(base, id, text = id) {
  return make("a", { href: `${base}/conventions/${encodeURIComponent(id)}`, text });
}

/**
 * Make a panel's frame in an element: a heading, a sentence that says the finding, and a body for the rest.
 *
 * `say(...)` sets the sentence (strings and nodes), `empty(why)` hides the body and says why, `stale(whether)` tells that
 * a new answer is under way.
 */
export function frame(element, { name, title }) {
  const id = `panel-${name}-title`;
  const finding = make("p", { class: "panel-finding" });
  const body = make("div", { class: "panel-body" });
  const root = make(
    "section",
    { class: `model-panel panel-${name}`, "aria-labelledby": id },
    make("h3", { id, text: title }),
    finding,
    body,
  );
  element.replaceChildren(root);
  return {
    root,
    body,
    say(...parts) {
      body.hidden = false;
      root.classList.remove("panel-empty");
      finding.replaceChildren(...parts);
    },
    empty(why) {
      body.hidden = true;
      root.classList.add("panel-empty");
      finding.textContent = why;
    },
    stale(whether) {
      root.setAttribute("aria-busy", String(Boolean(whether)));
    },
  };
}

/**
 * Make a box whose chart is drawn anew when its width changes or when it is told to.
 *
 * `draw(width, rem)` gives the nodes of the chart, for a width in CSS pixels; `rem` is the size of the reader's text over
 * the usual 16 pixels, by which margins for text have to grow.
 */
export function box(draw) {
  const element = make("div", { class: "panel-chart" });
  let width = 0;
  const redraw = () => {
    if (width < 40) return;
    const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("data-key") : null;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;
    element.replaceChildren(...draw(width, rem).filter(Boolean));
    if (focused !== null) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  };
  new ResizeObserver(([entry]) => {
    const found = Math.floor(entry.contentRect.width);
    if (found === width) return;
    width = found;
    redraw();
  }).observe(element);
  return { element, redraw };
}

/** Draw with Plot: `label` says the finding in words; `usable` charts are groups of marks, the others one image. */
export function plot(label, { usable = false, marks, ...options }) {
  const chart = Plot.plot({ className: CLASS, ...options, marks: marks.filter(Boolean) });
  chart.setAttribute("role", usable ? "group" : "img");
  chart.setAttribute("aria-label", label);
  for (const part of chart.children) {
    // Axes, grids and texts repeat what the label, the marks' labels and the table say.
    if (!part.classList.contains("marks")) part.setAttribute("aria-hidden", "true");
    else part.removeAttribute("aria-label");
  }
  return chart;
}

/** Give the ticks of a logarithmic axis: powers of ten, as many as fit. */
export function powers(low, high, width, room = 44) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const step = Math.max(1, Math.ceil((last - first + 1) / Math.max(2, Math.floor(width / room))));
  const ticks = [];
  for (let power = first; power <= last; power += 1) if (power % step === 0) ticks.push(10 ** power);
  return ticks;
}

/** Write a power of ten as an axis does. */
export function powerText(value) {
  const power = Math.round(Math.log10(value));
  if (power >= -2 && power <= 3) return String(Number((10 ** power).toPrecision(1)));
  const raised = String(power).replace(/./g, (sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻");
  return `10${raised}`;
}

/**
 * Let the marks of a chart be walked: one stop of the Tab key, the arrow keys inside, Enter, Space or a click to press.
 *
 * `rows[i]` is what the mark number i stands for; `key(row)` its name, `label(row)` what it says, `order` compares two.
 * `show(row)` is called for the one that is pointed at, or near enough, or focused; `press(row)` for one that is pressed;
 * `pressed(row)`, if given, says which one is.
 */
export function walkable(chart, rows, { key, label, show, press, pressed = null, order }) {
  const marks = [...chart.querySelectorAll(".marks > *")].map((mark) => ({ mark, row: rows[mark.__data__] }));
  marks.sort((one, other) => order(one.row, other.row));
  const first = pressed ? Math.max(0, marks.findIndex(({ row }) => pressed(row))) : 0;
  const moves = (place) => ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -place, End: marks.length - 1 - place });
  marks.forEach(({ mark, row }, place) => {
    mark.setAttribute("data-key", key(row));
    mark.setAttribute("role", "button");
    if (pressed) mark.setAttribute("aria-pressed", String(Boolean(pressed(row))));
    mark.setAttribute("aria-label", label(row));
    mark.setAttribute("tabindex", place === first ? "0" : "-1");
    mark.addEventListener("focus", () => {
      for (const other of marks) other.mark.setAttribute("tabindex", other.mark === mark ? "0" : "-1");
      show(row);
    });
    mark.addEventListener("keydown", (event) => {
      const step = moves(place)[event.key];
      if (step !== undefined) marks[Math.min(marks.length - 1, Math.max(0, place + step))].mark.focus();
      else if (event.key === "Enter" || event.key === " ") press(row);
      else return;
      event.preventDefault();
    });
  });

  /** Find the mark that is nearest to a pointer, within the reach of a finger. */
  const nearest = (event) => {
    let found = null;
    let reach = REACH_PX;
    for (const one of marks) {
      const { left, top, width, height } = one.mark.getBoundingClientRect();
      const distance = Math.hypot(left + width / 2 - event.clientX, top + height / 2 - event.clientY);
      if (distance < reach) [found, reach] = [one, distance];
    }
    return found;
  };
  chart.addEventListener("pointermove", (event) => {
    const found = nearest(event);
    for (const { mark } of marks) mark.classList.toggle("pointed", mark === found?.mark);
    if (found) show(found.row);
  });
  chart.addEventListener("pointerleave", () => {
    for (const { mark } of marks) mark.classList.remove("pointed");
  });
  chart.addEventListener("click", (event) => {
    const found = nearest(event);
    if (found) press(found.row);
  });
}

/** Make a table for those who would rather read: `columns` are [heading, value of a row, is a number]. */
export function table(caption, columns, rows) {
  const head = make("tr", {}, ...columns.map(([text, , right]) => make("th", { scope: "col", class: right ? "number" : null, text })));
  const lines = rows.map((row) =>
    make(
      "tr",
      {},
      ...columns.map(([, value, right], place) => {
        const found = value(row);
        const cell = make(place === 0 ? "th" : "td", { scope: place === 0 ? "row" : null, class: right ? "number" : null });
        cell.append(found instanceof Node ? found : String(found));
        return cell;
      }),
    ),
  );
  return make("table", {}, make("caption", { text: caption }), make("thead", {}, head), make("tbody", {}, ...lines));
}

/** Make the folded-up table below a chart; `fill()` gives the table, and is called when it is opened or renewed. */
export function tableBelow(name, fill) {
  const scroll = make("div", { class: "panel-scroll", tabindex: "0", role: "region", "aria-label": name });
  const element = make("details", { class: "panel-table" }, make("summary", { text: "As a table" }), scroll);
  const renew = () => {
    if (element.open) scroll.replaceChildren(fill());
  };
  element.addEventListener("toggle", renew);
  return { element, renew };
}
