/** The samples as images, where their shape says that they are: a film of targets, reconstructions and losses. */

import { extent, rendered, scaleOf } from "./heat.js";
import { brief, h } from "./words.js";

const LEAST_PIXELS = 16; // a square of four features is no image
const FRAME = 52; // CSS pixels from one image to the next, down, and at least across
const GAP = 6;

/** Height and width of an image, or null: (H, W), (1, H, W), (H, W, 1), or a square number of features. */
export const imageOf = (shape) => {
  const axes = shape.slice(1).filter((axis, place, inner) => axis !== 1 || inner.length < 3);
  if (axes.length === 2 && Math.min(...axes) >= 4 && Math.max(...axes) <= 4 * Math.min(...axes)) return axes;
  const side = Math.sqrt(axes[0] ?? 0);
  return axes.length === 1 && Number.isInteger(side) && axes[0] >= LEAST_PIXELS ? [side, side] : null;
};

/** Make the film; `look(sample)` chooses one. */
export const makeFilm = (figure, { look }) => {
  const canvas = h("canvas", { tabindex: "0", role: "application", "aria-roledescription": "film", "aria-describedby": "film-keys" });
  const caption = h("figcaption");
  const rowNames = h("div", { class: "row-names", "aria-hidden": "true" }, ...["x", "y", "ℓ"].map((name) => h("var", {}, name)));
  figure.replaceChildren(h("div", { class: "reel" }, rowNames, canvas), caption, h("p", { class: "hidden", id: "film-keys" }, "Left and right arrow keys choose a sample."));
  let shown = null;

  const count = () => Math.max(1, Math.floor((canvas.clientWidth + GAP - 4) / FRAME));
  const pitch = () => (shown.count > count() ? (canvas.clientWidth - FRAME + GAP - 4) / Math.max(1, count() - 1) : FRAME);
  const first = () => {
    const most = Math.max(0, shown.count - count());
    return Math.max(0, Math.min(most, shown.sample - Math.floor(count() / 2)));
  };

  const paint = () => {
    if (!shown || canvas.clientWidth === 0) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.scale(ratio, ratio);
    const [rows, columns] = shown.image;
    const side = FRAME - GAP;
    const [wide, high] = rows > columns ? [(side * columns) / rows, side] : [side, (side * rows) / columns];
    const size = rows * columns;
    const style = getComputedStyle(canvas);
    for (let place = 0; place < count() && first() + place < shown.count; place += 1) {
      const sample = first() + place;
      shown.arrays.forEach(({ array, scale }, line) => {
        const image = rendered(array.data, sample * size, rows, columns, scale);
        context.drawImage(image, place * pitch() + 2, line * FRAME + 2, wide, high);
      });
      if (sample === shown.sample) {
        context.strokeStyle = style.getPropertyValue("--pointer");
        context.lineWidth = 2;
        context.strokeRect(place * pitch() + 1, 1, wide + 2, (shown.arrays.length - 1) * FRAME + high + 2);
      }
    }
  };
  new ResizeObserver(paint).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);

  const go = (sample) => look(Math.max(0, Math.min(shown.count - 1, sample)));
  canvas.addEventListener("click", (event) => {
    const place = Math.floor((event.clientX - canvas.getBoundingClientRect().left) / pitch());
    go(first() + place);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    go(shown.sample + step);
  });

  return {
    update({ batch, answer, sample }) {
      const { x, y } = batch.arrays;
      const image = x && y && imageOf(x.shape);
      figure.hidden = !image || !answer?.elementwise;
      if (figure.hidden) {
        shown = null;
        return;
      }
      if (shown?.answer !== answer) {
        const data = scaleOf("data", extent(x.data, y.data));
        const loss = answer.elementwise;
        const arrays = [{ array: x, scale: data }, { array: y, scale: data }, { array: loss, scale: scaleOf("loss", extent(loss.data)) }];
        shown = { answer, image, arrays, count: x.shape[0], sample };
      }
      shown.sample = sample;
      const loss = brief(answer.per_sample.reconstruction.sum[sample]);
      caption.textContent = `Sample ${sample} of ${shown.count}: loss ${loss} over ${image[0] * image[1]} pixels.`;
      canvas.setAttribute("aria-label", `Images of ${shown.count} samples, ${image.join(" by ")} pixels; sample ${sample} is chosen, its loss is ${loss}`);
      paint();
    },
  };
};
