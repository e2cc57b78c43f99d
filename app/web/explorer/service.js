/**
 * The only place that asks the service for anything.
 *
 * Answers to a batch are asked for as `application/x-npz`, so that matrices of a million numbers need not become text
 * and back; `answer` puts their arrays where they belong in the document.
 */

import { members, readNpy } from "./arrays.js";

/** What the service refused, as it said it (RFC 9457), or that it could not be reached. */
export class Problem extends Error {
  constructor({ title, detail, status = 0, type = "", errors = [] }) {
    super(detail || title);
    Object.assign(this, { title, detail: detail ?? "", status, type, errors });
  }
}

const GONE = {
  title: "The service does not answer",
  detail: "It may have been stopped, or the connection is down. What you see is its last answer; change something or press “Ask again” to try anew.",
};

/** A batch's arrays that panels go through with the methods of plain lists. */
const AS_LISTS = /^(latent|collapse)\./;

export class Service {
  /** The bearer token of whoever runs the service, where one is wanted; for this visit alone, and in no link. */
  token = "";
  #base;
  #catalogues = new Map();

  /** @param {string} base the path prefix of the service: "" or, for example, "/loss" */
  constructor(base) {
    this.#base = base;
  }

  /** Give the address of an endpoint, for the commands that people copy. */
  address(path) {
    return new URL(this.#base + path, document.baseURI).href;
  }

  /** The catalogue of losses. */
  losses() {
    return this.#catalogue("/losses");
  }

  /** The catalogue of conventions: what known code computes. */
  async conventions() {
    return (await this.#catalogue("/conventions?limit=1000")).conventions;
  }

  /** A file of the page's own, as bytes. */
  async file(url) {
    return new Uint8Array(await (await got(url)).arrayBuffer());
  }

  /**
   * Post a batch.
   *
   * @param {{type: string|null, content: BodyInit}} body what to send; a form brings its own type
   * @param {[string, string][]} query the options
   * @param {{signal?: AbortSignal, progress?: (share: number) => void}} how
   * @returns the whole answer, matrices as `{shape, data}`
   */
  async loss(body, query, how = {}) {
    const sent = await post(this.#base + "/loss" + queryOf(query), body, "application/x-npz", { ...how, token: this.token });
    performance.mark("lossgrid:answered");
    return answer(sent);
  }

  /** Post a batch and a number, and learn what the number is. */
  async identify(body, query, how = {}) {
    const sent = await post(this.#base + "/loss/identify" + queryOf(query), body, "application/json", { ...how, token: this.token });
    return JSON.parse(new TextDecoder().decode(sent));
  }

  #catalogue(path) {
    if (!this.#catalogues.has(path)) {
      const asked = got(this.#base + path).then((response) => response.json());
      asked.catch(() => this.#catalogues.delete(path)); // asked anew next time
      this.#catalogues.set(path, asked);
    }
    return this.#catalogues.get(path);
  }
}

/** Write the query of an address; empty without options. */
export const queryOf = (query) => {
  const written = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&");
  return written && `?${written}`;
};

const got = async (url) => {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin" });
  } catch {
    throw new Problem(GONE);
  }
  if (!response.ok) throw refused(response.status, await response.text());
  return response;
};

/** Post by XMLHttpRequest, which tells how far an upload is; `fetch` does not. */
const post = (url, { type, content }, accept, { signal, progress, token }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "arraybuffer";
    request.setRequestHeader("Accept", accept);
    if (type) request.setRequestHeader("Content-Type", type);
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => event.lengthComputable && progress?.(event.loaded / event.total);
    request.onload = () => {
      if (request.status === 200) resolve(request.response);
      else reject(refused(request.status, new TextDecoder().decode(request.response)));
    };
    request.onerror = () => reject(new Problem(GONE));
    request.onabort = () => reject(new DOMException("a newer question was asked", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(content);
  });

const refused = (status, text) => {
  try {
    return new Problem({ ...JSON.parse(text), status });
  } catch {
    return new Problem({ title: `The answer was status ${status}`, detail: text.slice(0, 300), status });
  }
};

/** Turn an archive into the document that it stands for. */
const answer = async (archive) => {
  const found = await members(new Uint8Array(archive));
  const document = JSON.parse(new TextDecoder().decode(await found.get("summary.json")()));
  for (const [name, content] of found) {
    if (!name.endsWith(".npy")) continue;
    const place = name.slice(0, -".npy".length);
    const array = readNpy(await content());
    const path = place.split(".");
    const last = path.pop();
    const owner = path.reduce((node, key) => node[key], document);
    owner[last] = AS_LISTS.test(place) ? Array.from(array.data) : array.shape.length > 1 || path.length === 0 ? array : array.data;
  }
  return document;
};
