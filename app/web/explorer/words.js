/** How numbers, variants and places are written on the page. */

/** Four significant digits, as short as they go, but no integer rounded: 0.01241, 15.66, 19008, 1.2e5. */
export const brief = (value) => {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-4) return value.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e").replaceAll("-", "−");
  if (size >= 1e4) return String(Math.round(value)).replace("-", "−");
  return String(Number(value.toPrecision(4))).replace("-", "−");
};

/** A count with its noun. */
export const counted = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** "sum over features, mean over batch" of "sum_mean". */
export const spelled = (term, axis) => {
  const [first, second] = term.split("_");
  return `${first} over ${axis}, ${second} over batch`;
};

/** The index of an element in an array's own shape: [17, 3, 2]. */
export const indexOf = (shape, row, column) => {
  const inner = [];
  let rest = column;
  for (let axis = shape.length - 1; axis > 0; axis -= 1) {
    inner.unshift(rest % shape[axis]);
    rest = Math.floor(rest / shape[axis]);
  }
  return `[${[row, ...inner].join(", ")}]`;
};

/** Make an element: `h("p", {class: "quiet"}, "text", child)`; what is no attribute but a handler begins with "on". */
export const h = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
};
