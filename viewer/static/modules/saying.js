// What the page says of its own accord, and work that may fail while it is busy.

import { ServiceError } from "./api.js";
import { byId } from "./dom.js";
import { text } from "./texts.js";

// So long nobody wonders whether a click was heard.
const PATIENCE_MS = 600;

export async function guarded(work) {
  document.body.classList.add("busy");
  say("");
  const patience = setTimeout(() => say(text("asking")), PATIENCE_MS);
  try {
    await work();
    if (byId("message").textContent === text("asking")) say("");
  } catch (error) {
    report(error);
  } finally {
    clearTimeout(patience);
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
