/**
 * Heat maps and bars on canvas: a matrix as colours, a vector as one bar for each sample.
 *
 * A plate owns one canvas. `show` hands it an array, `point` the row and column that are looked at, `mark` the cells that
 * are wrong. Plates are painted when the browser next paints, at the resolution of the screen, and again when their
 * size or the colour scheme changes. All plates of the fold have the same rows: samples, from the top.
 */

const LARGEST = 2048; // cells along either side that are drawn; of more, every second, third, ... one

const RAMPS = {
  light: {
    data: ["#fbfaf6", "#c9c8c2", "#7e8285", "#20272b"],
    loss: ["#fdf4ea", "#f8c79b", "#e07b3e", "#b33a14", "#571504"],
    kl: ["#edf6f6", "#a3d2d8", "#4c9eac", "#17616f", "#052c35"],
    signed: ["#1d5c91", "#79acd3", "#f7f6f1", "#d5a361", "#85500f"],
  },
  dark: {
    data: ["#12171a", "#3d464b", "#8b9599", "#eef1f0"],
    loss: ["#1f1613", "#6b2b13", "#c9542a", "#ff9a6b", "#ffe9dc"],
    kl: ["#10191c", "#174953", "#2f8b9b", "#82cbd6", "#e8fafd"],
    signed: ["#8cc4ee", "#33729f", "#161b1e", "#95692c", "#f2c383"],
  },
};
const WRONG = { light: "#a3148c", dark: "#ff7be6" };
const scheme = matchMedia("(prefers-color-scheme: dark)");
const shade = () => (scheme.matches ? "dark" : "light");

const parts = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
const packed = ([red, green, blue]) => ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** 256 colours between the stops of a ramp, as little-endian RGBA, and one for what is no number. */
const tables = new Map();
const table = (ramp) => {
  const key = `${shade()} ${ramp}`;
  if (!tables.has(key)) {
    const stops = RAMPS[shade()][ramp].map(parts);
    const colours = new Uint32Array(257);
    for (let at = 0; at < 256; at += 1) {
      const place = (at / 255) * (stops.length - 1);
      const from = Math.min(Math.floor(place), stops.length - 2);
      colours[at] = packed(stops[from].map((low, channel) => Math.round(low + (stops[from + 1][channel] - low) * (place - from))));
    }
    colours[256] = packed(parts(WRONG[shade()]));
    tables.set(key, colours);
  }
  return tables.get(key);
};

/** A CSS gradient of a ramp would need a style in the markup; this paints it on a small canvas. */
export const paintRamp = (canvas, ramp) => {
  canvas.width = 256;
  canvas.height = 1;
  const image = new ImageData(256, 1);
  new Uint32Array(image.data.buffer).set(table(ramp).subarray(0, 256));
  canvas.getContext("2d").putImageData(image, 0, 0);
};

/** The least and the largest number; [0, 1] if there is none. */
export const extent = (...arrays) => {
  let least = Infinity;
  let largest = -Infinity;
  for (const data of arrays) {
    for (let at = 0; at < data.length; at += 1) {
      const value = data[at];
      if (value < least && value > -Infinity) least = value;
      if (value > largest && value < Infinity) largest = value;
    }
  }
  return least <= largest ? [least, largest] : [0, 1];
};

/** How numbers become colours: a ramp and the range that it covers; `root` spreads the small ones. */
export const scaleOf = (kind, [least, largest]) => {
  if (kind === "data") {
    const signed = -least > largest / 4; // not where a reconstruction overshoots 0 a little
    if (!signed) return { ramp: "data", least, largest: largest > least ? largest : least + 1, root: false };
    const most = Math.max(-least, largest);
    return { ramp: "signed", least: -most, largest: most, root: false };
  }
  if (least >= 0) return { ramp: kind, least: 0, largest: largest || 1, root: true };
  return { ramp: kind, least, largest: largest > least ? largest : least + 1, root: false };
};

/** Draw a part of an array, `rows` by `columns` cells from `offset`, as an image with one pixel for each cell. */
export const rendered = (data, offset, rows, columns, scale) => {
  const down = Math.ceil(rows / LARGEST);
  const across = Math.ceil(columns / LARGEST);
  const image = new ImageData(Math.ceil(columns / across), Math.ceil(rows / down));
  const pixels = new Uint32Array(image.data.buffer);
  const colours = table(scale.ramp);
  const { least, root } = scale;
  const factor = 255 / (scale.largest - least || 1);
  let pixel = 0;
  for (let row = 0; row < rows; row += down) {
    for (let column = 0; column < columns; column += across) {
      const value = data[offset + row * columns + column];
      let level = (value - least) * factor;
      if (root) level = Math.sqrt(level * 255);
      pixels[pixel] = value === value ? colours[level <= 0 ? 0 : level >= 255 ? 255 : (level + 0.5) | 0] : colours[256];
      pixel += 1;
    }
  }
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
};

/** Fit a picture to a size: what shrinks is averaged, what grows keeps its edges. */
const stretched = (picture, width, height) => {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = picture.width > width || picture.height > height;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  return canvas;
};

const waiting = new Set();
let asked = false;
const paintLater = (plate) => {
  waiting.add(plate);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const now = [...waiting];
    waiting.clear();
    now.forEach((one) => one.paint());
  });
};

const all = new Set();
scheme.addEventListener("change", () => all.forEach((plate) => plate.refresh()));
const sizes = new ResizeObserver((entries) => entries.forEach((entry) => entry.target.plate.refresh(false)));

/** What heat maps and bars have in common: a canvas, its cells, and which of them is looked at. */
class Plate {
  constructor(canvas) {
    this.canvas = canvas;
    this.rows = 0;
    this.columns = 0;
    this.row = -1;
    this.column = -1;
    canvas.plate = this;
    all.add(this);
    sizes.observe(canvas);
  }

  /** Look at a cell; -1 is none. */
  point(row, column = -1) {
    if (row === this.row && column === this.column) return;
    this.row = row;
    this.column = column;
    paintLater(this);
  }

  /** Paint again, with new colours if the scheme has changed. */
  refresh(anew = true) {
    if (anew) this.image = null;
    paintLater(this);
  }

  /** The cell below a pointer. */
  cellAt(event) {
    const box = this.canvas.getBoundingClientRect();
    const inside = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return {
      row: inside((event.clientY - box.top) / box.height, this.rows),
      column: inside((event.clientX - box.left) / box.width, this.columns),
    };
  }

  /** Fit the canvas to its place on the screen, and clear it. */
  prepared() {
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(this.canvas.clientWidth * ratio);
    const height = Math.round(this.canvas.clientHeight * ratio);
    if (width === 0 || height === 0) return null;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    return { context, width, height, ratio };
  }

  /** Draw where one looks: the row as a band, the cell as a frame. */
  paintPoint({ context, width, height, ratio }) {
    if (this.row < 0 || this.row >= this.rows) return;
    const style = getComputedStyle(this.canvas);
    const tall = Math.max(height / this.rows, 1.5 * ratio);
    const top = Math.min((this.row / this.rows) * height, height - tall);
    context.strokeStyle = style.getPropertyValue("--pointer");
    context.lineWidth = 1.25 * ratio;
    context.globalAlpha = this.column < 0 ? 0.9 : 0.55;
    context.strokeRect(0.5 * ratio, top, width - ratio, tall);
    context.globalAlpha = 1;
    if (this.column < 0) return;
    const wide = Math.max(width / this.columns, 6 * ratio);
    const high = Math.max(tall, 6 * ratio);
    const left = ((this.column + 0.5) / this.columns) * width - wide / 2;
    context.lineWidth = 2 * ratio;
    context.strokeRect(left, top + tall / 2 - high / 2, wide, high);
  }
}

/** A matrix as colours. */
export class HeatMap extends Plate {
  /** @param {{shape: number[], data: ArrayLike<number>}|null} array  @param {object} scale see `scaleOf` */
  show(array, scale) {
    this.array = array;
    this.scale = scale;
    this.rows = array?.shape[0] ?? 0;
    this.columns = array && this.rows ? array.data.length / this.rows : 0;
    this.wrong = [];
    this.refresh();
  }

  /** Ring the cells that are wrong: [[row, column], ...]; a column of -1 means the whole row. */
  mark(wrong) {
    this.wrong = wrong;
    paintLater(this);
  }

  /** Give the picture in the size of the screen; kept, since a pointer that moves asks for it with every frame. */
  fitted(width, height) {
    if (this.image?.width !== width || this.image.height !== height) {
      const cells = rendered(this.array.data, 0, this.rows, this.columns, this.scale);
      // First along the axis that grows, else the browser would average there too: cells stay apart where there is room.
      this.image = stretched(stretched(cells, Math.max(cells.width, width), Math.max(cells.height, height)), width, height);
    }
    return this.image;
  }

  paint() {
    const place = this.prepared();
    if (!place || !this.rows || !this.columns) return;
    const { context, width, height, ratio } = place;
    context.drawImage(this.fitted(width, height), 0, 0);
    this.paintPoint(place);
    context.strokeStyle = WRONG[shade()];
    context.lineWidth = 2.5 * ratio;
    for (const [row, column] of this.wrong) {
      const y = ((row + 0.5) / this.rows) * height;
      if (column < 0) {
        context.strokeRect(0, y - 4 * ratio, width, 8 * ratio);
        continue;
      }
      const x = ((column + 0.5) / this.columns) * width;
      context.beginPath();
      context.arc(x, y, Math.max(7 * ratio, width / this.columns / 1.6), 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

/** A vector as a bar for each sample; a bar may have a second part (the KL beside the reconstruction). */
export class Bars extends Plate {
  /**
   * @param {ArrayLike<number>|null} values where each bar ends
   * @param {string} colour the custom property of its colour
   * @param {{values: ArrayLike<number>, colour: string}} [first] where the first part ends, if there are two
   */
  show(values, colour, first = null) {
    this.values = values;
    this.colour = colour;
    this.first = first;
    this.rows = values?.length ?? 0;
    this.columns = 1;
    this.range = this.rows ? extent(values, ...(first ? [first.values] : []), [0]) : [0, 1];
    this.refresh();
  }

  paint() {
    const place = this.prepared();
    if (!place || !this.rows) return;
    const { context, width, height, ratio } = place;
    const style = getComputedStyle(this.canvas);
    const [least, largest] = this.range;
    const across = (value) => ((value - least) / (largest - least || 1)) * width;
    const zero = across(0);
    const lines = Math.min(this.rows, Math.floor(height));
    const tall = height / lines;
    const gap = tall > 3 * ratio ? Math.min(4 * ratio, Math.max(ratio * 0.5, tall * 0.12)) : 0;
    const second = style.getPropertyValue(this.colour);
    const first = this.first && style.getPropertyValue(this.first.colour);
    for (let line = 0; line < lines; line += 1) {
      const from = Math.floor((line * this.rows) / lines);
      const to = Math.max(from + 1, Math.floor(((line + 1) * this.rows) / lines));
      let row = from;
      for (let other = from; other < to; other += 1) if (Math.abs(this.values[other]) > Math.abs(this.values[row])) row = other;
      const top = Math.round(line * tall + gap / 2); // whole pixels: else bars that touch show seams
      const high = Math.max(1, Math.round((line + 1) * tall - gap / 2) - top);
      const end = across(this.values[row]);
      const start = this.first ? across(this.first.values[row]) : zero;
      if (this.first) {
        context.fillStyle = first;
        context.fillRect(Math.min(zero, start), top, Math.abs(start - zero), high);
      }
      context.fillStyle = second; // over the first, which it leads back where their signs differ: both ends are seen
      context.fillRect(Math.min(start, end), top, Math.max(Math.abs(end - start), 0.5 * ratio), high);
    }
    this.paintPoint(place);
  }
}
