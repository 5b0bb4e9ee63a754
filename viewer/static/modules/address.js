// The page's address remembers the question, so that it can be sent to somebody: ?ask=burst&segment_id=7&inaccessible=9

import { questionOf } from "./questions.js";

const KEPT = ["language", "lang", "version", "test"];
const OLD_LANGUAGE = "lang"; // as links of earlier days have it

// The language that the address names; null when it names none.
export function languageAsked() {
  const search = new URLSearchParams(location.search);
  return search.get("language") ?? search.get(OLD_LANGUAGE);
}

export function writeLanguage(language) {
  const search = new URLSearchParams(location.search);
  search.delete(OLD_LANGUAGE);
  search.set("language", language);
  history.replaceState(null, "", `${location.pathname}?${search}${location.hash}`);
}

export function writeQuestion(question) {
  const search = new URLSearchParams(location.search);
  for (const key of [...search.keys()]) if (!KEPT.includes(key)) search.delete(key);
  if (question) search.set("ask", question.name);
  const params = question ? (questionOf(question.name).write?.(question.params) ?? question.params) : {};
  for (const [key, values] of Object.entries(params)) for (const value of [values ?? []].flat()) search.append(key, value);
  history.replaceState(null, "", `${location.pathname}${search.size ? `?${search}` : ""}${location.hash}`);
}

// The question in the address; null when there is none that is known.
export function readQuestion() {
  const search = new URLSearchParams(location.search);
  const name = search.get("ask");
  const known = questionOf(name);
  if (!known) return null;
  const params = Object.fromEntries(known.lists.map((list) => [list, []]));
  for (const key of new Set(search.keys())) {
    if (key !== "ask" && !KEPT.includes(key)) params[key] = known.lists.includes(key) ? search.getAll(key).map(Number) : search.get(key);
  }
  return { name, params: known.read?.(params) ?? params, names: {} };
}
