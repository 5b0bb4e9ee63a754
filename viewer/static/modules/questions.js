// What can be asked of the map: where each question goes, what it starts from, who draws its answer.

import * as burst from "./answers/burst.js";
import * as clearance from "./answers/clearance.js";
import { getJson } from "./api.js";
import { codeEntry } from "./texts.js";

// `flows` are the kinds of utility a question is for, `kinds` the features it can start from; `lists` are its
// parameters with several values; `joins` questions take further starts into the same answer.
const QUESTIONS = {
  burst: {
    path: "/api/trace/burst",
    answer: burst,
    flows: ["pressure"],
    kinds: ["pipe_segment", "node"],
    lists: ["segment_id", "node_id", "inaccessible", "opened"],
    joins: true,
  },
  clearance: { path: ({ id }) => `/api/clearance/segments/${id}`, answer: clearance, kinds: ["pipe_segment"], lists: [], keepsPicked: true },
};
const START = { pipe_segment: "segment_id", node: "node_id" };

export const questionOf = (name) => QUESTIONS[name];
export const askableNames = () => Object.keys(QUESTIONS);

// The names of the questions that make sense for a feature.
export function questionsFor(kind, classCode) {
  const flow = codeEntry("utility_class", classCode)?.flow;
  return askableNames().filter((name) => QUESTIONS[name].kinds?.includes(kind) && (QUESTIONS[name].flows?.includes(flow) ?? true));
}

// A question at a feature; `names` are what its identities are called.
export function questionAt(name, kind, id, title) {
  const { path, lists } = QUESTIONS[name];
  const empty = Object.fromEntries(lists.map((list) => [list, []]));
  const params = typeof path === "string" ? { ...empty, [START[kind]]: [id] } : { id };
  return { name, params, title, names: {} };
}

// The same question at one more place.
export function joined({ params, ...question }, kind, id) {
  const start = START[kind];
  return { ...question, params: { ...params, [start]: [...new Set([...params[start], id])] } };
}

export function ask({ name, params }, version) {
  const { path } = QUESTIONS[name];
  return typeof path === "string" ? getJson(path, { ...params, version }) : getJson(path(params), { version });
}
