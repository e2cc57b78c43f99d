/** All variants at once as a group of radio buttons: reductions of the error down, reductions of the KL across. */

import { brief, h } from "./words.js";
import { termsOf, variantFor } from "./state.js";

const TERMS = ["sum_mean", "mean_mean", "sum_sum", "mean_sum"];
const inWords = (term) => term.replace("_", ", then ");

/** Make the grid; `choose(variant)` is called with each choice. */
export const makeGrid = (place, { choose }) => {
  let shape = null;
  let cells = {};

  const build = (hasKl) => {
    cells = {};
    const cell = (variant) => {
      const radio = h("input", { type: "radio", name: "variant", value: variant, onchange: () => choose(variant) });
      const value = h("b");
      const beta = h("small");
      cells[variant] = { radio, value, beta };
      return h("td", {}, h("label", {}, radio, value, beta));
    };
    const body = TERMS.map((term, at) => {
      const name = ["Version 1", "Version 2"][at];
      const head = h("th", { scope: "row" }, name ? h("em", {}, name) : null, inWords(term));
      return h("tr", {}, head, ...(hasKl ? TERMS.map((kl) => cell(`${term}+${kl}`)) : [cell(term)]));
    });
    const heads = hasKl ? TERMS.map((kl) => h("th", { scope: "col" }, inWords(kl))) : [h("th", { scope: "col" }, "loss")];
    const spans = hasKl ? h("tr", {}, h("td"), h("th", { colspan: "4", scope: "colgroup" }, "KL: over latents, then over the batch")) : null;
    const thead = h("thead", {}, spans, h("tr", {}, h("th", { scope: "col", class: "corner" }, "error: over features, then over the batch"), ...heads));
    const group = h("fieldset", {}, h("legend", { class: "hidden" }, "Variant"), h("table", { class: hasKl ? "sixteen" : "four" }, thead, h("tbody", {}, ...body)));
    place.replaceChildren(group);
  };

  return {
    update({ answer, variant }) {
      const hasKl = Boolean(answer?.per_sample.kl);
      if (shape !== hasKl) {
        build(hasKl);
        shape = hasKl;
      }
      for (const [id, { radio, value, beta }] of Object.entries(cells)) {
        const row = answer?.variants[id];
        value.textContent = row ? brief(row.total) : "";
        const effective = row && row.effective_beta !== null ? `β\u00a0${brief(row.effective_beta)}` : ""; // one word
        beta.textContent = effective;
        radio.checked = id === variantFor(variant, hasKl);
        radio.setAttribute("aria-label", `${row?.title ?? id}: total ${brief(row?.total)}${effective && `, effective beta ${brief(row.effective_beta)}`}`);
        const cell = radio.closest("td");
        cell.classList.toggle("mixed", row ? !row.batch_reductions_agree : false);
        cell.title = row ? `${row.title}\ntotal ${row.total}` : "";
      }
    },
  };
};

/** Say in a sentence or two what the chosen variant is for this batch. */
export const verdict = (answer, variant) => {
  const row = answer?.variants[variant];
  if (!row) return [];
  const { reconstruction } = termsOf(variant);
  const known = { "sum_mean": "Version 1. ", "mean_mean": "Version 2. " }[reconstruction] ?? "";
  if (row.effective_beta === null) {
    const rest = row.scale === 1 ? "The others differ from it by a constant factor" : `Its gradients are ${brief(row.scale)} times those of Version 1`;
    return [h("strong", {}, known), `${rest}: a learning rate in disguise, and the same optimum.`];
  }
  const words = [h("strong", {}, known), "It optimises ", h("strong", {}, row.effective_beta === 1 ? "R + K" : `R + ${brief(row.effective_beta)} K`)];
  const forecast = answer.collapse?.variants[variant];
  if (forecast && forecast.kl_upper_bound !== null) {
    const left = forecast.linear_directions;
    const latents = answer.shape.latent_count;
    const kept = `${left} ${left === 1 ? "direction" : "directions"}`;
    words.push(
      `: a decoder variance of ${brief(row.implied_decoder_variance)}, where ${brief(answer.optimal_decoder_variance)} would fit. At its optimum the latents carry at most `,
      h("strong", {}, `${brief(forecast.kl_upper_bound)} nat`),
      left === 0
        ? ", and a linear model collapses whole."
        : left > latents
          ? `, and a linear model could keep ${kept}, more than its ${latents} ${latents === 1 ? "latent" : "latents"}.`
          : `, and a linear model keeps ${kept}.`,
    );
  } else words.push(".");
  if (!row.batch_reductions_agree) words.push(" One term is averaged over the batch and the other summed: this number changes with the batch size.");
  return words;
};

/** What the service warns of: everything that concerns the batch, and of the variants only the chosen one. */
export const warnings = (answer, variant) => {
  const about = ({ detail }) => /^([a-z_+]+): /.exec(detail)?.[1];
  return (answer?.warnings ?? [])
    .filter((warning) => !(about(warning) in answer.variants) || about(warning) === variant)
    .map((warning) => {
      const words = warning.detail.slice(about(warning) === variant ? variant.length + 2 : 0);
      return h("li", {}, h("code", {}, warning.code), ` ${words[0].toUpperCase()}${words.slice(1)}`);
    });
};
