// What was seen, told in batches; the client's id makes a repeat harmless.

import { call, session } from "./api.js";

const EVERY_MS = 3000;
const MOST = 100;
let waiting = [];
let timer = 0;

export function tell(event) {
  waiting.push({ id: crypto.randomUUID(), source: "CIRCLE", occurredAt: new Date().toISOString(), ...event });
  if (!timer) timer = setTimeout(flush, EVERY_MS);
}

export async function flush() {
  clearTimeout(timer);
  timer = 0;
  const events = waiting.splice(0, MOST);
  if (!events.length || !session.get()) return;
  try {
    await call("POST", "/v1/events", { events }, { keepalive: true });
  } catch (problem) {
    if (!problem.status || problem.status >= 500 || problem.status === 429) {
      waiting = [...events, ...waiting].slice(-5 * MOST);
      timer ||= setTimeout(flush, 2 * EVERY_MS);
    }
  }
}

addEventListener("visibilitychange", () => { if (document.hidden) flush(); });
