// Reads /openapi.json and writes it down. No framework: an OpenAPI document is a tree, and so is a page.

const VERBS = ["get", "head", "post", "put", "patch", "delete", "options"];
const DEEPEST = 6;
let spec = null;

const at = (id) => document.getElementById(id);

/** `make("a", {class: "x", href: "#"}, "text", child)`; texts are set as text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function resolve(schema) {
  if (!schema?.$ref) return schema ?? {};
  return schema.$ref.replace("#/", "").split("/").reduce((node, key) => node?.[key], spec) ?? {};
}

const variantsOf = (schema) => schema.oneOf ?? schema.anyOf;

function operations() {
  const listed = Object.entries(spec.paths).flatMap(([path, item]) =>
    VERBS.filter((verb) => item[verb]).map((verb) => ({ path, verb: verb.toUpperCase(), ...item[verb] })));
  return Map.groupBy ? Map.groupBy(listed, (one) => one.tags?.[0] ?? "other") : grouped(listed);
}

function grouped(listed) {
  const groups = new Map();
  for (const one of listed) groups.set(one.tags?.[0] ?? "other", [...(groups.get(one.tags?.[0] ?? "other") ?? []), one]);
  return groups;
}

function draw(query = "") {
  const wanted = query.trim().toLowerCase();
  const fits = (one) => `${one.verb} ${one.path} ${one.summary ?? ""} ${one.operationId ?? ""}`.toLowerCase().includes(wanted);
  at("index").replaceChildren();
  at("routes").replaceChildren();
  for (const [service, all] of operations()) {
    const some = all.filter(fits);
    if (!some.length) continue;
    at("index").append(make("h2", {}, service), ...some.map(entry));
    at("routes").append(make("h2", { class: "service" }, service), ...some.map(route));
  }
  if (!at("routes").children.length) at("routes").append(make("p", {}, "No route fits."));
}

const anchor = (one) => one.operationId ?? `${one.verb}${one.path}`;

function entry(one) {
  const link = make("a", { href: `#${anchor(one)}` }, make("span", { class: `verb ${one.verb}` }, one.verb), make("span", {}, one.path));
  link.addEventListener("click", () => { at(anchor(one)).open = true; });
  return link;
}

function route(one) {
  const isPublic = !one.security?.length;
  const box = make("details", { class: "route", id: anchor(one) },
    make("summary", {},
      make("span", { class: `verb ${one.verb}` }, one.verb), make("span", { class: "path" }, one.path),
      make("span", { class: "sum" }, one.summary ?? ""), make("span", { class: "lock" }, isPublic ? "public" : "Bearer token")));
  box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(inside(one, isPublic)); });
  return box;
}

function inside(one, isPublic) {
  const [media, body] = Object.entries(one.requestBody?.content ?? {})[0] ?? ["", null];
  const parts = [make("p", { class: "soft" }, one.description ?? "")];
  if (one.parameters?.length) parts.push(make("h3", {}, "Parameters"), parameters(one.parameters));
  if (body) parts.push(make("h3", {}, "Body"), make("p", { class: "soft" }, media), fields(body.schema), shown(body));
  parts.push(make("h3", {}, "Answers"), answers(one.responses ?? {}), make("h3", {}, "Try it"), tryIt(one, media, body, isPublic));
  return make("div", { class: "inside" }, ...parts);
}

function parameters(list) {
  return make("table", {}, ...list.map((one) => make("tr", {},
    make("td", {}, make("code", {}, one.name), one.required ? make("span", { class: "need" }, " required") : ""),
    make("td", {}, one.in), make("td", {}, typeOf(one.schema)), make("td", {}, one.description ?? one.schema?.description ?? ""))));
}

function answers(responses) {
  return make("div", {}, ...Object.entries(responses).map(([status, answer]) => {
    const [media, content] = Object.entries(answer.content ?? {})[0] ?? ["", {}];
    const heading = make("summary", {}, make("code", {}, status), ` ${answer.description ?? ""} `, make("span", { class: "soft" }, media));
    return make("details", {}, heading, content.schema ? fields(content.schema) : "", shown(content));
  }));
}

/** The first example of a body, if the document has one. */
const exampleOf = (content) => Object.values(content?.examples ?? {})[0]?.value;

function shown(content) {
  const value = exampleOf(content);
  return value === undefined ? "" : make("pre", { class: "example" }, make("code", {}, JSON.stringify(value, null, 2)));
}

/** Name, type and meaning of every property, nested ones indented. */
function fields(schema, depth = 0, seen = []) {
  const whole = resolve(schema);
  const variants = variantsOf(whole);
  const inner = variants?.map(resolve).find((one) => one.properties) ?? (whole.type === "array" ? resolve(whole.items) : whole);
  const choice = variantsOf(inner) ? resolve(variantsOf(inner).find((one) => one.$ref)) : inner;
  const note = choice.description && depth === 0 ? make("p", { class: "soft" }, choice.description) : "";
  if (!choice.properties || depth > DEEPEST || seen.includes(choice)) return make("div", {}, note, depth === 0 ? typeOf(schema) : "");
  const rows = Object.entries(choice.properties).flatMap(([name, property]) => {
    const deeper = hasFields(property) ? [make("tr", {}, make("td", { colspan: "3", class: "indent" }, fields(property, depth + 1, [...seen, choice])))] : [];
    return [make("tr", {},
      make("td", {}, make("code", {}, name), choice.required?.includes(name) ? make("span", { class: "need" }, " required") : ""),
      make("td", {}, typeOf(property)), make("td", {}, property.description ?? "")), ...deeper];
  });
  return make("div", {}, note, make("table", {}, ...rows));
}

function hasFields(schema) {
  const whole = resolve(schema);
  return [whole, resolve(whole.items), ...(variantsOf(whole) ?? []).map(resolve), ...(variantsOf(resolve(whole.items)) ?? []).map(resolve)].some((one) => one.properties);
}

function typeOf(schema) {
  return make("span", { class: "type" }, described(schema));
}

function described(schema) {
  const name = schema?.$ref?.split("/").at(-1);
  const whole = resolve(schema);
  if (whole.enum) return whole.enum.join(" | ");
  if (whole.const !== undefined) return String(whole.const);
  const variants = variantsOf(whole);
  if (variants) return [...new Set(variants.map(described))].filter((one) => one !== "any").join(" | ");
  if (whole.type === "array") return `${described(whole.items)}[]`;
  if (Array.isArray(whole.type)) return whole.type.join(" | ");
  const limits = [["minimum", "≥"], ["maximum", "≤"], ["minLength", "≥ chars"], ["maxLength", "≤ chars"]]
    .filter(([key]) => whole[key] !== undefined).map(([key, sign]) => `${sign.split(" ")[0]} ${whole[key]}${sign.includes("chars") ? " chars" : ""}`);
  return [name ?? whole.format ?? whole.type ?? "any", ...limits].join(" ");
}

/** A value that fits a schema, for the example. */
function sample(schema, depth = 0) {
  const whole = resolve(schema);
  if (depth > DEEPEST) return null;
  if (whole.example !== undefined) return whole.example;
  if (whole.default !== undefined && whole.default !== null) return whole.default;
  if (whole.enum) return whole.enum[0];
  const variants = variantsOf(whole);
  if (variants) return sample(variants.find((one) => resolve(one).type !== "null") ?? variants[0], depth + 1);
  if (whole.type === "array") return [sample(whole.items, depth + 1)];
  if (whole.properties) {
    const names = Object.keys(whole.properties).filter((name) => !whole.required || whole.required.includes(name));
    return Object.fromEntries(names.map((name) => [name, sample(whole.properties[name], depth + 1)]));
  }
  if (whole.format === "uuid") return "01935a7c-1b2c-7d3e-8f40-000000000001";
  if (whole.format === "date-time") return "2026-11-22T18:00:00Z";
  return { integer: whole.minimum ?? 1, number: whole.minimum ?? 1, boolean: true, string: "…" }[whole.type] ?? null;
}

/** Text as one word of a shell. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** Every try is a request of its own: a key that was used before would only repeat the first answer. */
const headerValue = (header) => (header.name === "Idempotency-Key" && globalThis.crypto?.randomUUID?.()) || header.example;

function tryIt(one, media, body, isPublic) {
  const text = curl(one, media, body, isPublic);
  const copy = make("button", { type: "button" }, "copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "copied";
  });
  return make("pre", { class: "curl" }, copy, make("code", {}, text));
}

/** The request as a command: whoever pastes it needs a token and, for uploads, a file. */
function curl(one, media, body, isPublic) {
  const path = one.path.replace(/\{[^}]+\}/g, (name) => (name.includes("id") ? "01935a7c-1b2c-7d3e-8f40-000000000001" : name.slice(1, -1)));
  const success = Object.entries(one.responses ?? {}).find(([status]) => status.startsWith("2"))?.[1];
  const answerIsHeaders = !success?.content;
  const method = one.verb === "HEAD" ? "-I" : `${answerIsHeaders ? "-i " : ""}-X ${one.verb}`;
  const lines = [`curl -sS ${method} ${quoted(location.origin + path)}`];
  if (!isPublic) lines.push("  -H \"Authorization: Bearer $TOKEN\"");
  for (const header of (one.parameters ?? []).filter((each) => each.in === "header" && each.example)) {
    lines.push(`  -H ${quoted(`${header.name}: ${headerValue(header)}`)}`);
  }
  if (body && (media === "application/json" || one.requestBody.required)) lines.push(`  -H ${quoted(`Content-Type: ${media}`)}`, sent(media, body));
  return lines.join(" \\\n");
}

function sent(media, body) {
  if (media !== "application/json") return "  --data-binary @clip.mp4";
  return `  -d ${quoted(JSON.stringify(exampleOf(body) ?? sample(body.schema)))}`;
}

async function start() {
  spec = await (await fetch("/openapi.json")).json();
  draw();
  at("search").addEventListener("input", () => draw(at("search").value));
  const named = location.hash && at(decodeURIComponent(location.hash.slice(1)));
  if (named) {
    named.open = true;
    named.scrollIntoView();
  }
}

start();
