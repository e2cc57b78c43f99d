/* The table of all variants: sortable by each column, to be copied as CSV, with a row to choose. */

import { conventionLink, frame, make } from "./chart.js";
import { byId, counted, exact, named, number } from "./words.js";

const COLUMNS = [
  { name: "variant", text: "Variant", value: (row) => row.variant, words: true },
  { name: "reconstruction", text: "Reconstr.", value: (row) => row.reconstruction },
  { name: "kl", text: "KL", value: (row) => row.kl },
  { name: "total", text: "Total", value: (row) => row.total },
  { name: "scale", text: "Scale", value: (row) => row.scale },
  { name: "effective_beta", text: "Effective beta", value: (row) => row.effective_beta },
  { name: "implied_decoder_variance", text: "Implied σ²", value: (row) => row.implied_decoder_variance },
  { name: "kl_weight_for.unit_beta", text: "Weight for beta\u00a01", value: (row) => row.kl_weight_for?.unit_beta },
  { name: "kl_weight_for.optimal_variance", text: "Weight for best\u00a0σ²", value: (row) => row.kl_weight_for?.optimal_variance },
  { name: "used_by", text: "Used by", value: (row) => row.used_by.length },
];

/** Write a cell of a CSV file (RFC 4180). */
const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** Write the table as CSV, numbers with all their digits. */
export function asCsv(answer) {
  const lines = [COLUMNS.map((column) => column.name)];
  for (const [variant, row] of Object.entries(answer.variants)) {
    lines.push(COLUMNS.map((column) => (column.name === "used_by" ? row.used_by.join(" ") : exact(column.value({ ...row, variant })))));
  }
  return lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("");
}

/** Mount the panel; see update. */
export function mount(element, view) {
  const panel = frame(element, { name: "variants", title: "Every variant" });
  let now = null; // what is shown: { answer, variant, conventions, rows, columns }
  let sort = { name: null, down: false };

  const scroll = make("div", { class: "panel-scroll", tabindex: "0", role: "region", "aria-label": "The variants" });
  const said = make("span", { role: "status" });
  const copy = make("button", { type: "button", text: "Copy as CSV", onclick: copied });
  const text = make("textarea", { class: "panel-copy", readonly: true, rows: "6", "aria-label": "The table as CSV", hidden: true });
  const hint = make("p", { class: "panel-hint", text: "Press a row to choose it, a heading to sort. Copied as CSV, the numbers have all their digits." });
  panel.body.append(hint, scroll, make("p", { class: "panel-tools" }, copy, said), text);

  async function copied() {
    const csv = asCsv(now.answer);
    try {
      await navigator.clipboard.writeText(csv);
      text.hidden = true;
      said.textContent = `Copied: ${counted(now.rows.length, "line")} and a heading.`;
    } catch {
      // Only pages with TLS, or on this machine, may write to the clipboard, and only if the reader lets them.
      text.value = csv;
      text.hidden = false;
      text.focus();
      text.select();
      said.textContent = "This page may not write to the clipboard; copy it from here.";
    }
  }

  function ordered() {
    const column = now.columns.find((one) => one.name === sort.name);
    if (!column) return now.rows;
    const way = sort.down ? -1 : 1;
    const compare = (one, other) => (column.words ? one.localeCompare(other) : one - other);
    return [...now.rows].sort((one, other) => {
      const [a, b] = [column.value(one), column.value(other)];
      if (a === null || b === null || a === undefined || b === undefined) return (a ?? null) === null ? ((b ?? null) === null ? 0 : 1) : -1;
      return way * compare(a, b);
    });
  }

  function heading(column) {
    const mine = sort.name === column.name;
    const sorted = mine ? (sort.down ? "descending" : "ascending") : null;
    return make(
      "th",
      { scope: "col", class: column.words ? null : "number", "aria-sort": sorted },
      make("button", {
        type: "button",
        class: "panel-sort",
        "data-sort": column.name,
        text: column.text,
        onclick: () => {
          sort = { name: column.name, down: mine && !sort.down };
          fill();
          scroll.querySelector(`[data-sort="${column.name}"]`).focus();
        },
      }),
    );
  }

  function uses(row) {
    if (!row.used_by.length) return "–";
    const id = `panel-uses-${row.variant}`;
    const links = row.used_by.map((used) => make("li", {}, conventionLink(view.base, used, now.catalogue.get(used)?.project ?? used)));
    const card = make("div", { id, popover: "auto", class: "panel-popover", role: "dialog", "aria-label": `Code that uses ${row.variant}` });
    card.append(make("p", {}, `Code that reduces ${now.answer.loss} as `, make("code", { text: row.variant }), ", with whatever weight:"), make("ul", {}, ...links));
    const open = make("button", { type: "button", popovertarget: id, "aria-label": `${counted(row.used_by.length, "convention")}: which` });
    open.textContent = row.used_by.length;
    const both = document.createDocumentFragment();
    both.append(open, card);
    return both;
  }

  function line(row) {
    const chosen = row.variant === now.variant;
    const press = (event) => {
      if (!event.target.closest(".panel-uses")) view.choose(row.variant);
    };
    const cells = now.columns.map((column) => {
      if (column.name === "variant") {
        const choose = make("button", { type: "button", class: "panel-choose", "aria-pressed": String(chosen), title: row.title, "data-variant": row.variant });
        choose.append(make("code", { text: row.variant }));
        const name = named(row.variant);
        return make("th", { scope: "row" }, choose, name === row.variant ? null : make("small", { text: name }));
      }
      if (column.name === "used_by") return make("td", { class: "number panel-uses" }, uses(row));
      const value = column.value(row);
      return make("td", { class: "number", title: exact(value) || null, text: number(value, 4) });
    });
    return make("tr", { class: chosen ? "chosen-row" : null, onclick: press }, ...cells);
  }

  function fill() {
    const focused = document.activeElement?.closest?.(".panel-choose")?.dataset.variant;
    const head = make("thead", {}, make("tr", {}, ...now.columns.map(heading)));
    scroll.replaceChildren(make("table", {}, head, make("tbody", {}, ...ordered().map(line))));
    if (focused) scroll.querySelector(`[data-variant="${focused}"]`)?.focus();
  }

  /** Draw a state of the page; the same state again changes nothing. */
  function update(state) {
    panel.stale(state.stale);
    const { answer } = state;
    if (!answer) {
      now = null;
      panel.empty("Choose a sample or drop a batch, and this fills in.");
      return;
    }
    if (now && now.answer === answer && now.variant === state.variant && now.conventions === state.conventions) return;
    if (now?.answer !== answer) {
      said.textContent = "";
      text.hidden = true;
    }
    const rows = Object.entries(answer.variants).map(([variant, row]) => ({ ...row, variant }));
    now = {
      answer,
      variant: state.variant,
      conventions: state.conventions,
      catalogue: byId(state.conventions),
      rows,
      columns: COLUMNS.filter((column) => rows.some((row) => (column.value(row) ?? null) !== null)),
    };
    const totals = rows.map((row) => row.total);
    const [least, most] = [Math.min(...totals), Math.max(...totals)];
    panel.say(`The same batch and the same loss: ${rows.length} numbers from ${number(least)} to ${number(most)}. `, answer.terms.kl ? "Rows with the same effective beta have the same optimum." : "Without a KL term all have the same optimum.");
    fill();
  }

  return { update };
}
