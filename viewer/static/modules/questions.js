// What can be asked of the map: where each question goes, what it starts from, who draws its answer.

import * as burst from "./answers/burst.js";
import * as clearance from "./answers/clearance.js";
import * as shutdown from "./answers/shutdown.js";
import { getJson, postJson } from "./api.js";
import { codeEntry } from "./texts.js";

const START = { pipe_segment: "segment_id", node: "node_id" };
const STARTS = Object.values(START);
const ANYWHERE = Object.keys(START);

// `flows` and `groups` say of which utilities a question is asked, `kinds` from which features; `lists` are its
// parameters with several values; to a question that `joins` further places can be added.
const QUESTIONS = {
  burst: { path: "/api/trace/burst", answer: burst, flows: ["pressure"], kinds: ANYWHERE, lists: [...STARTS, "inaccessible", "opened"], joins: true },
  shutdown: {
    answer: shutdown,
    flows: ["pressure"],
    kinds: ["pipe_segment"],
    lists: [],
    joins: true,
    at: (_, id, title) => ({ cuts: [shutdown.newCut(id, title)] }),
    join: ({ cuts }, _, id, title) => ({ cuts: [...cuts, shutdown.newCut(id, title, cuts.at(-1))] }),
    ask: ({ cuts }, version) => postJson("/api/trace/shutdown", { cuts, version: version && Number(version) }),
    write: ({ cuts }) => ({ cuts: JSON.stringify(cuts) }),
    read: ({ cuts }) => ({ cuts: JSON.parse(cuts) }),
  },
  clearance: {
    answer: clearance,
    kinds: ["pipe_segment"],
    lists: [],
    keepsPicked: true,
    at: (_, id) => ({ id }),
    ask: ({ id }, version) => getJson(`/api/clearance/segments/${id}`, { version }),
  },
};

export const questionOf = (name) => QUESTIONS[name];
export const questionNames = () => Object.keys(QUESTIONS);

// The names of the questions that make sense for a feature.
export function questionsFor(kind, classCode) {
  const { flow, group } = codeEntry("utility_class", classCode) ?? {};
  return questionNames().filter((name) => {
    const { kinds, flows, groups } = QUESTIONS[name];
    return kinds.includes(kind) && (flows?.includes(flow) ?? true) && (groups?.includes(group) ?? true);
  });
}

// A question at a feature; `names` are what the valves told about are called.
export function questionAt(name, kind, id, title) {
  const { at, lists } = QUESTIONS[name];
  const params = at?.(kind, id, title) ?? { ...Object.fromEntries(lists.map((list) => [list, []])), [START[kind]]: [id] };
  return { name, params, title, names: {} };
}

// The same question at one more place.
export function joined(question, kind, id, title) {
  const { join } = QUESTIONS[question.name];
  const { params } = question;
  const start = START[kind];
  return { ...question, params: join?.(params, kind, id, title) ?? { ...params, [start]: [...new Set([...params[start], id])] } };
}

export function ask({ name, params }, version) {
  const { path, ask: asked } = QUESTIONS[name];
  return asked ? asked(params, version) : getJson(path, { ...params, version });
}
