/* The panels without the explorer's shell: `openBatch(batch, include)` posts a batch and shows it, `update(parts)` changes the state. */

const NAMES = ["beta", "deviation", "spectrum", "latents", "variants", "identify"];

let batch = null;
const state = {
  answer: null,
  variant: "mean_mean+sum_mean",
  loss: "squared_error",
  beta: 1,
  conventions: [],
  problem: null,
  stale: false,
};
const panels = [];

async function ask(path, body) {
  const answer = await fetch(path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const found = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(found.detail), found);
  return found;
}

const view = {
  base: "",
  choose: (variant) => update({ variant }),
  service: {
    identify: (observed, rtol) => ask("/loss/identify", { ...batch, observed, rtol }),
    conventions: () => state.conventions,
  },
};

function update(parts) {
  Object.assign(state, parts);
  for (const panel of panels) panel.update(state);
}

async function open(given, include) {
  batch = given;
  update({ stale: true });
  const answer = await ask("/loss", { ...given, include });
  update({ answer, loss: answer.loss, beta: answer.beta, stale: false });
}

for (const name of NAMES) {
  const { mount } = await import(`./${name}.js`);
  panels.push(mount(document.getElementById(name), view));
}
update({ conventions: (await ask("/conventions")).conventions });
Object.assign(window, { openBatch: open, update, state, view });
document.body.dataset.ready = "yes";
