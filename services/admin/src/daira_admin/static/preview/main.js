// Which of the two screens is shown.

import { call, session } from "./api.js";
import * as circle from "./circle.js";
import { flush } from "./events.js";
import * as login from "./login.js";
import { other, speak } from "./words.js";

const at = (id) => document.getElementById(id);

async function show() {
  const isIn = session.get() !== null;
  at("welcome").hidden = isIn;
  for (const id of ["circle", "refresh", "leave"]) at(id).hidden = !isIn;
  if (isIn) await circle.open();
  else at("phone").focus();
}

async function leave() {
  circle.close();
  await flush();
  await call("POST", "/v1/auth/logout").catch(() => null);
  session.end();
  login.reset();
  await show();
}

speak();
at("phone").value = new URLSearchParams(location.search).get("phone") || "";
login.start(show);
circle.start();
at("language").addEventListener("click", async () => {
  speak(other());
  if (session.get()) await circle.open();
});
at("refresh").addEventListener("click", () => circle.open());
at("leave").addEventListener("click", leave);
addEventListener("daira:left", show);
addEventListener("pagehide", () => circle.close());
show();
