// The follower's Circle: one card a screen, the next ones prepared, more when the end is near.

import { call } from "./api.js";
import { build } from "./card.js";
import { explained, word } from "./words.js";

const at = (id) => document.getElementById(id);
const AHEAD = 3;
let cards = [];
let cursor = null;
let hasMore = false;
let loading = false;
let watcher = null;

export function start() {
  at("follow-form").addEventListener("submit", follow);
  at("posts").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, " ": 0 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const now = cards.findIndex((one) => one.card.classList.contains("current"));
    if (step) cards[now + step]?.card.scrollIntoView();
    else cards[now]?.player?.toggle();
  });
}

export async function open() {
  close();
  watcher = new IntersectionObserver(seen, { root: at("posts"), threshold: 0.6 });
  await more();
  at("empty").hidden = cards.length > 0;
  at("posts").hidden = cards.length === 0;
  at("posts").focus({ preventScroll: true });
}

export function close() {
  for (const { player } of cards) player?.drop();
  watcher?.disconnect();
  [cards, cursor, hasMore] = [[], null, false];
  at("posts").replaceChildren();
}

async function more() {
  if (loading) return;
  loading = true;
  try {
    const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
    const page = await call("GET", `/v1/feed/circle${query}`);
    [cursor, hasMore] = [page.nextCursor, page.hasMore];
    for (const item of page.items) {
      const built = build(item);
      cards.push(built);
      at("posts").append(built.card);
      watcher.observe(built.card);
    }
  } finally {
    loading = false;
  }
}

function seen(entries) {
  for (const { target, isIntersecting } of entries) {
    const index = cards.findIndex((one) => one.card === target);
    if (index < 0) continue;
    target.classList.toggle("current", isIntersecting);
    if (isIntersecting) {
      cards[index].player?.enter();
      cards[index + 1]?.player?.load();
      if (hasMore && index >= cards.length - AHEAD) more();
    } else if (cards[index].player && !cards[index].player.video.paused) {
      cards[index].player.leave();
    }
  }
}

async function follow(event) {
  event.preventDefault();
  const handle = at("handle").value.trim().replace(/^@/, "");
  try {
    const person = await call("GET", `/v1/users/by-handle/${encodeURIComponent(handle)}`);
    const { state } = await call("PUT", `/v1/users/${person.id}/follow`);
    at("followed").textContent = word(state);
    for (let tries = 0; tries < 10 && cards.length === 0; tries += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 500); });
      await open();
    }
  } catch (problem) {
    at("followed").textContent = explained(problem);
  }
}
