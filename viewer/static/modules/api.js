// Calls to the service. A refusal becomes an Error whose message is the service's own sentence.

export class ServiceError extends Error {}

async function ask(path, query) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  let response;
  try {
    response = await fetch(url);
  } catch {
    throw new ServiceError("no_answer");
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new ServiceError(problem.detail || problem.title || `HTTP ${response.status}`);
}

export const getJson = async (path, query) => (await ask(path, query)).json();
export const getBytes = async (path, query) => (await ask(path, query)).arrayBuffer();
