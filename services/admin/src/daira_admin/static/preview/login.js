// Logging in by phone; the sandbox plays the phone.

import { call, session } from "./api.js";
import { explained, word } from "./words.js";

const at = (id) => document.getElementById(id);
let challenge = null;
let phone = "";
let watching = 0;

export function start(entered) {
  at("phone-form").addEventListener("submit", (event) => attempt(event, ask));
  at("code-form").addEventListener("submit", (event) => attempt(event, () => prove(entered)));
  at("other").addEventListener("click", (event) => attempt(event, another));
  at("back").addEventListener("click", reset);
  at("use").addEventListener("click", () => {
    at("code").value = at("message-text").textContent;
    at("message").hidden = true;
    at("code-form").requestSubmit();
  });
}

export function reset() {
  clearInterval(watching);
  challenge = null;
  at("phone-form").hidden = false;
  at("code-form").hidden = true;
  at("message").hidden = true;
  at("problem").hidden = true;
  at("code").value = "";
}

async function attempt(event, step) {
  event.preventDefault();
  const buttons = [...document.querySelectorAll("#welcome .main")];
  buttons.forEach((button) => { button.disabled = true; });
  at("problem").hidden = true;
  try {
    await step();
  } catch (problem) {
    at("problem").textContent = explained(problem);
    at("problem").hidden = false;
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

async function ask() {
  phone = at("phone").value.trim();
  const seen = await newest();
  const device = { id: deviceId(), platform: "WEB", canReadCallerId: false };
  challenge = await call("POST", "/v1/auth/login", { phoneNumber: phone, device });
  told(seen);
  at("code").focus();
}

async function another() {
  const seen = await newest();
  challenge = await call("POST", `/v1/auth/login/${challenge.sessionId}/fallback`);
  told(seen);
}

async function prove(entered) {
  const tokens = await call("POST", "/v1/auth/verify", { sessionId: challenge.sessionId, code: at("code").value.trim() });
  session.put(tokens);
  reset();
  entered();
}

function told(seen) {
  at("phone-form").hidden = true;
  at("code-form").hidden = false;
  at("sent").textContent = `${word("sentBy")} ${word(challenge.method)}`;
  clearInterval(watching);
  watching = setInterval(async () => {
    const message = await newest();
    if (!message || message.sentAt === seen?.sentAt) return;
    clearInterval(watching);
    at("message-from").textContent = `${word(message.channel)} · ${word("sandbox")}`;
    at("message-text").textContent = message.code;
    at("message").hidden = false;
  }, 400);
}

/** The sandbox exists in development only; elsewhere a real phone rings. */
async function newest() {
  try {
    const { items } = await call("GET", `/v1/sandbox/messages?phoneNumber=${encodeURIComponent(phone)}`);
    return items.at(-1);
  } catch {
    clearInterval(watching);
    return undefined;
  }
}

function deviceId() {
  const known = localStorage.getItem("daira.device") || crypto.randomUUID();
  localStorage.setItem("daira.device", known);
  return known;
}
