// What the page says of its own accord, and work that may fail while it is busy.

import { ServiceError } from "./api.js";
import { byId } from "./dom.js";
import { text } from "./texts.js";

export async function guarded(work) {
  document.body.classList.add("busy");
  say("");
  try {
    await work();
  } catch (error) {
    report(error);
  } finally {
    document.body.classList.remove("busy");
  }
}

export function report(error) {
  say(error instanceof ServiceError ? text(error.message) : String(error.message ?? error));
}

export function say(words) {
  byId("message").textContent = words;
  byId("message").hidden = !words;
}
