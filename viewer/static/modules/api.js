// Calls to the service. A refusal becomes an Error whose message is the service's own sentence.

import { answerOf, isShared, leave, placed } from "./access.js";
import { currentLanguage } from "./texts.js";

export class ServiceError extends Error {}

// A list in the query becomes one parameter for each of its values.
export function addressOf(path, query) {
  const url = new URL(placed(path), location.origin);
  for (const [name, values] of Object.entries(query ?? {})) {
    for (const value of [values].flat()) if (value !== null && value !== undefined && value !== "") url.searchParams.append(name, value);
  }
  return url;
}

async function ask(path, query, body) {
  const posted = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(addressOf(path, query), posted);
  } catch {
    throw new ServiceError("no_answer");
  }
  if (response.ok) return response;
  if (isShared && response.status === 401) leave();
  const problem = await response.json().catch(() => ({}));
  const told = (currentLanguage() === "zh" && problem.message_zh) || problem.detail || problem.title;
  throw Object.assign(new ServiceError(told || `HTTP ${response.status}`), { signIn: problem.sign_in });
}

export const getJson = async (path, query) => answerOf(await (await ask(path, query)).json());
export const getBytes = async (path, query) => (await ask(path, query)).arrayBuffer();
export const postJson = async (path, body) => answerOf(await (await ask(path, null, body)).json());
