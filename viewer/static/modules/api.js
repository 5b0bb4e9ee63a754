// Calls to the service. A refusal becomes an Error whose message is the service's own sentence.

export class ServiceError extends Error {}

// A list in the query becomes one parameter for each of its values.
export function addressOf(path, query) {
  const url = new URL(path, location.origin);
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
  const problem = await response.json().catch(() => ({}));
  throw new ServiceError(problem.detail || problem.title || `HTTP ${response.status}`);
}

export const getJson = async (path, query) => (await ask(path, query)).json();
export const getBytes = async (path, query) => (await ask(path, query)).arrayBuffer();
export const postJson = async (path, body) => (await ask(path, null, body)).json();
