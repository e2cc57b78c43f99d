/** A call as a person would make it elsewhere: curl for a shell, and Python. */

import { h } from "./words.js";
import { queryOf } from "./service.js";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const python = (value) => JSON.stringify(value);

const TOKEN = "TOKEN"; // a variable of the shell, and no LOSSGRID_*, which would be no setting: the token is never shown

const curl = (url, { command, query, token }) => {
  const lines = [`curl ${quoted(url + queryOf(query))}`];
  if (token) lines.push(`--header "Authorization: Bearer $${TOKEN}"`);
  if (command.kind === "form") lines.push(...command.files.map(([name, file]) => `--form ${quoted(`${name}=@${file}`)}`));
  else {
    lines.push(`--header ${quoted(`Content-Type: ${command.type}`)}`);
    lines.push(`--data-binary ${quoted(command.kind === "inline" ? command.content : `@${command.file}`)}`);
  }
  return lines.join(" \\\n  ");
};

const inPython = (url, { command, query, token }) => {
  const pairs = query.map(([name, value]) => `(${python(name)}, ${python(value)})`);
  const options = pairs.length ? `[${pairs.join(", ")}]` : "[]";
  const lines = [...(token ? ["import os", ""] : []), "import httpx", "", `options = ${options}`];
  const call = [python(url), "params=options"];
  const headers = token ? [`"Authorization": "Bearer " + os.environ["${TOKEN}"]`] : [];
  if (command.kind === "form") {
    lines.push(`files = {${command.files.map(([name, file]) => `${python(name)}: open(${python(file)}, "rb")`).join(", ")}}`);
    call.push("files=files");
  } else if (command.kind === "inline") {
    lines.push(`batch = ${command.content}`);
    call.push("json=batch");
  } else {
    lines.push(`with open(${python(command.file)}, "rb") as file:`, "    batch = file.read()");
    call.push("content=batch");
    headers.push(`"Content-Type": ${python(command.type)}`);
  }
  if (headers.length) call.push(`headers={${headers.join(", ")}}`);
  lines.push(`answer = httpx.post(${call.join(", ")}, timeout=60).raise_for_status().json()`);
  return lines.join("\n");
};

/** Copy a text, and say on a button that it was done. */
export const copy = async (text, button) => {
  const name = button.dataset.name ?? button.textContent;
  button.dataset.name = name;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy it"; // pages that are not from https or this machine have no clipboard
  }
  setTimeout(() => (button.textContent = name), 2000);
};

/** Make the place that shows calls; `update` takes the calls by title: {path, command, query}, `epilogue` in Python. */
export const makeCode = (place, { address, wantsToken }) => {
  const language = { value: "curl" };
  let calls = [];

  const draw = () => {
    const tabs = ["curl", "Python"].map((name) =>
      h("button", { type: "button", "aria-pressed": String(language.value === name), onclick: () => { language.value = name; draw(); place.querySelector("[aria-pressed=true]").focus(); } }, name),
    );
    const blocks = calls.flatMap(({ title, path, note, ...rest }) => {
      const call = { ...rest, token: wantsToken() };
      const url = address(path);
      const text = language.value === "curl" ? curl(url, call) : inPython(url, call);
      const button = h("button", { type: "button", class: "copy" }, "Copy");
      button.setAttribute("aria-label", `Copy: ${title}`);
      button.addEventListener("click", () => copy(text, button));
      const pre = h("pre", { tabindex: "0", "aria-label": title }, h("code", {}, text.length > 4000 ? `${text.slice(0, 4000)} …` : text));
      return [h("div", { class: "listing" }, h("p", { class: "quiet" }, title, note ? `. ${note}` : "", button), pre)];
    });
    place.replaceChildren(h("div", { class: "tabs", role: "group", "aria-label": "Language" }, ...tabs), ...blocks);
  };

  return {
    update(next) {
      calls = next;
      draw();
    },
  };
};
