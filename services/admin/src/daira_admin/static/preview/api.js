// The gateway, as any client sees it: bearer token, refresh on 401, problems as errors. Each call is shown on the wire.

import { current, word } from "./words.js";

const KEY = "daira.session";

export class Problem extends Error {
  constructor(body) {
    super(body.detail || body.title);
    Object.assign(this, body);
  }
}

export const session = {
  get: () => JSON.parse(sessionStorage.getItem(KEY) || "null"),
  put: (tokens) => sessionStorage.setItem(KEY, JSON.stringify(tokens)),
  end: () => sessionStorage.removeItem(KEY),
};

let renewing = null;

/** The answer's JSON, or null without one. Throws Problem. */
export async function call(method, path, body, { keepalive = false, retry = true } = {}) {
  const tokens = session.get();
  const headers = { "Accept-Language": current() };
  if (tokens) headers.Authorization = `Bearer ${tokens.accessToken}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const begun = performance.now();
  let answer;
  try {
    answer = await fetch(path, { method, headers, keepalive, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem({ code: "offline", detail: word("offline") });
  }
  show(method, path, answer, performance.now() - begun);
  if (answer.status === 401 && tokens && retry && (await renew(tokens))) {
    return call(method, path, body, { keepalive, retry: false });
  }
  const text = await answer.text();
  const json = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Problem(json || { code: "http_error", detail: answer.statusText });
  return json;
}

/** One refresh at a time: a second one would look like a stolen token. */
function renew(tokens) {
  renewing ??= exchange(tokens).finally(() => { renewing = null; });
  return renewing;
}

async function exchange(tokens) {
  const answer = await fetch("/v1/auth/refresh", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ refreshToken: tokens.refreshToken }),
  });
  if (!answer.ok) {
    session.end();
    dispatchEvent(new Event("daira:left"));
    return false;
  }
  session.put({ ...tokens, ...(await answer.json()) });
  return true;
}

function show(method, path, answer, ms) {
  const line = document.createElement("li");
  const [verb, where, status, id] = ["b", "span", "span", "small"].map((tag) => line.appendChild(document.createElement(tag)));
  verb.textContent = method;
  where.textContent = path.replace(/phoneNumber=[^&]*/, "phoneNumber=…").replace(/cursor=[^&]*/, "cursor=…");
  where.className = "path";
  status.textContent = `${answer.status} · ${Math.round(ms)} ms`;
  status.className = answer.ok ? "ok" : "bad";
  id.textContent = answer.headers.get("x-request-id") || "";
  const wire = document.getElementById("wire");
  wire.prepend(line);
  while (wire.children.length > 60) wire.lastChild.remove();
}
