// One post as a card. Texts of people are only ever set as text.

import { Player } from "./player.js";
import { number, word } from "./words.js";

const TAG = /(#[\p{L}\p{N}_\u200c]+)/gu;

/** Returns `{card, player}`; a post without a playable video has no player. */
export function build(item) {
  const { post, author, counts } = item;
  const card = make("article", "post");
  card.dataset.post = post.id;
  const facts = make("span", "chip");
  facts.hidden = true;
  const said = (text) => {
    facts.textContent = text;
    facts.hidden = false;
  };
  const player = post.video?.hlsUrl ? screen(card, post, said) : still(card, post, said);
  card.append(about(post, author, counts, facts, player));
  return { card, player };
}

function screen(card, post, said) {
  if (post.video.posterUrl) card.append(image("backdrop", post.video.posterUrl));
  const video = make("video");
  Object.assign(video, { playsInline: true, muted: true, preload: "none", poster: post.video.posterUrl || "" });
  const touch = make("button", "touch");
  touch.type = "button";
  touch.setAttribute("aria-label", word("play"));
  touch.append(triangle());
  card.append(video, touch);
  const player = new Player(card, video, post, said);
  touch.addEventListener("click", () => player.toggle());
  return player;
}

function still(card, post, said) {
  const picture = post.media?.find((one) => one.kind === "IMAGE" && one.renditions?.length);
  if (picture) {
    const { url } = picture.renditions.at(-1);
    card.append(image("backdrop", url), image("picture", url));
  } else {
    const words = make("p", "words");
    words.dir = "auto";
    words.append(...tagged(post.text));
    card.append(words);
    if (post.media?.length) said(word("processing"));
    card.classList.add("spoken");
  }
  return null;
}

function about(post, author, counts, facts, player) {
  const box = make("div", "about");
  const row = who(author, post.createdAt);
  if (player) row.append(speaker(player));
  box.append(row);
  if (post.text && (player || post.media?.some((one) => one.kind === "IMAGE"))) {
    const text = make("p", "text");
    text.dir = "auto";
    text.append(...tagged(post.text));
    box.append(text);
  }
  const line = make("div", "facts");
  for (const name of ["likes", "comments", "views"]) {
    const one = make("span");
    one.textContent = `${number(counts?.[name] ?? 0)} ${word(name)}`;
    line.append(one);
  }
  line.append(facts);
  box.append(line);
  if (player) {
    const progress = make("div", "line");
    progress.append(make("i"));
    box.append(progress);
  }
  return box;
}

function who(author, createdAt) {
  const row = make("div", "who");
  const face = make("span", "face");
  const name = author.displayName || author.handle || "";
  if (author.avatarUrl) face.append(image("", author.avatarUrl));
  else face.append(Object.assign(make("span"), { textContent: [...name][0] || "·" }));
  const text = make("div");
  const shown = make("b");
  shown.append(isolated(name));
  const small = make("small");
  small.append(isolated(author.handle ? `@${author.handle}` : ""), " · ", isolated(ago(createdAt)));
  text.append(shown, small);
  row.append(face, text);
  return row;
}

function speaker(player) {
  const button = make("button", "sound");
  button.type = "button";
  button.textContent = word(player.video.muted ? "sound" : "quiet");
  button.addEventListener("click", () => {
    const muted = player.sound();
    for (const one of document.querySelectorAll(".sound")) one.textContent = word(muted ? "sound" : "quiet");
  });
  return button;
}

function tagged(text) {
  return (text || "").split(TAG).map((part) => {
    if (!part.startsWith("#")) return document.createTextNode(part);
    const tag = make("span", "tag");
    tag.textContent = part;
    return tag;
  });
}

function ago(moment) {
  const seconds = (Date.parse(moment) - Date.now()) / 1000;
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(([, one]) => Math.abs(seconds) >= one) || ["second", 1];
  const style = new Intl.RelativeTimeFormat(document.documentElement.lang === "ar" ? "ar-EG" : "en", { numeric: "auto" });
  return style.format(Math.round(seconds / size), unit);
}

function triangle() {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.append(Object.assign(document.createElementNS(space, "path")));
  drawing.firstChild.setAttribute("d", "M7 4v16l13-8z");
  return drawing;
}

function make(tag, name = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  return element;
}

/** Its own direction inside a line of another one. */
function isolated(text) {
  return Object.assign(make("bdi"), { textContent: text });
}

function image(name, url) {
  return Object.assign(make("img", name), { src: url, alt: "", loading: "lazy" });
}
