// What can be asked of the map: where each question goes, what it starts from, who draws its answer.

import * as burst from "./answers/burst.js";
import * as clearance from "./answers/clearance.js";
import * as corridor from "./answers/corridor.js";
import * as design from "./answers/design.js";
import * as dig from "./answers/dig.js";
import * as drawn from "./answers/drawn.js";
import * as nearby from "./answers/nearby.js";
import * as outage from "./answers/outage.js";
import * as profile from "./answers/profile.js";
import * as room from "./answers/room.js";
import * as route from "./answers/route.js";
import * as section from "./answers/section.js";
import * as sharedBurst from "./answers/shared-burst.js";
import * as shutdown from "./answers/shutdown.js";
import * as statistics from "./answers/statistics.js";
import * as trace from "./answers/trace.js";
import { isShared } from "./access.js";
import { getJson, postJson } from "./api.js";
import { asQuery } from "./pieces.js";
import { codeEntry } from "./texts.js";

const START = { pipe_segment: "segment_id", node: "node_id" };
const STARTS = Object.values(START);
const ANYWHERE = Object.keys(START);

const traceOf = (name, more) => ({ topic: "sewers", path: `/api/trace/${name}`, answer: trace, flows: ["gravity"], kinds: ANYWHERE, lists: STARTS, ...more });
const ANY = { topic: "any", flows: null, isRare: true };

// The other end of a way, once it is known; before that nothing is asked of the service.
const toward = (kind, id) => ({ to_segment_id: [], to_node_id: [], [`to_${START[kind]}`]: [id] });
const isOpenEnded = ({ to_segment_id, to_node_id }) => !to_segment_id.length && !to_node_id.length;
const openEnded = ({ segment_id, node_id }) => ({
  ...{ waits_for: "click_the_end", class_codes: [], segment_ids: [], node_ids: [], length_m: 0, stopped_at: [], stop_counts: {}, assumptions: [] },
  start: { segment_ids: segment_id, node_ids: node_id, clicked: [] },
});

// How wide a corridor may be is for routes alone.
async function askDrawn({ half_width_m: _, ...pipe }, version) {
  if (pipe.line.length < 2) return { pipe, is_waiting: true, conflicts: [], cannot_tell: [] };
  const line = pipe.line.map(([x, y]) => [x, y]);
  return { pipe, ...(await postJson("/api/clearance/line", { pipe: { ...pipe, line }, version: version && Number(version) })) };
}

async function askDig({ line, ...dug }, version) {
  const question = { line, ...dug };
  if (!dig.hasArea(question)) return { question, counts: {}, meetings: [], shutoffs: [], owners: [], structures: [] };
  const ring = [...line, line[0]].map(([x, y]) => [x, y]);
  return { question, ...(await postJson("/api/excavation", { polygon: { type: "Polygon", coordinates: [ring] }, dig: dug, version: version && Number(version) })) };
}

async function askStatistics(question, version) {
  const { by, line } = question;
  if (!statistics.hasArea(question)) return { question, ...(await getJson("/api/statistics", { by, version })) };
  const ring = [...line, line[0]].map(([x, y]) => `${x} ${y}`).join(",");
  const district = { name: "area", outline_wkt: `POLYGON((${ring}))` };
  return { question, ...(await postJson("/api/statistics", { by: [by], districts: [district], version: version ? [Number(version)] : [] })) };
}

// Places of a drawing as the address holds them.
const writeLine = (line) => line.map((place) => place.join(",")).join(";");
const readLine = (line) => (line || "").split(";").filter(Boolean).map((place) => place.split(",").map(Number));

// A drawn pipe in the address: lines, and numbers as numbers.
const LINES = ["line", "pipe_line"];
const readValue = (name, value) => (LINES.includes(name) ? readLine(value) : /_m{1,2}$/.test(name) ? Number(value) : value);
const writePipe = (pipe) => ({ ...pipe, ...Object.fromEntries(LINES.filter((name) => pipe[name]).map((name) => [name, writeLine(pipe[name])])) });
const readPipe = (pipe) => ({ ...Object.fromEntries(Object.entries(pipe).map(([name, value]) => [name, readValue(name, value)])), line: readLine(pipe.line) });

async function askRoute(question, version) {
  const { line, half_width_m, cover_depth_m, ...pipe } = question;
  const along = line.map(([x, y]) => [x, y]);
  const wish = { ...pipe, cover_depth_m, start: { at: along[0] }, end: { at: along.at(-1) } };
  return { question, ...(await postJson("/api/routes", { pipe: wish, along, half_width_m, version: version && Number(version) })) };
}

async function askSection({ line, ...pipe }, version) {
  if (line.length < 2) return { line, is_waiting: true, cuts: [] };
  return { ...(await getJson("/api/section", { ...section.sectionQuery({ line, ...pipe }), version })), line };
}

async function askRoom(question, version) {
  return { question, ...(await getJson("/api/room", { ...room.roomQuery(question), version })) };
}

async function askNearby(question, version) {
  if (!question.line.length) return { question, features: [] };
  return { question, ...(await getJson("/api/near", { ...nearby.nearbyQuery(question), version })) };
}

async function askCorridor(question, version) {
  if (question.line.length < 2) return { question, is_waiting: true, features: [] };
  const line = question.line.map(([x, y]) => [x, y]);
  return { question, ...(await postJson("/api/corridor", { line, half_width_m: question.half_width_m, version: version && Number(version) })) };
}

// A list as the address holds it; an empty one where nobody can read it.
function readList(written) {
  try {
    return JSON.parse(written);
  } catch {
    return [];
  }
}

// Parameters that are numbers in the address, read back as such.
const readNumbers = (names) => (params) => ({ ...params, ...Object.fromEntries(names.filter((name) => name in params).map((name) => [name, Number(params[name])])) });

// What starts at no feature, and of that what is drawn on the map.
const UNPICKED = { kinds: [], lists: [] };
const DRAWN = { ...UNPICKED, write: writePipe, read: readPipe };

// `topic` is the heading under which a question is offered, `flows` and `groups` say of which utilities a question is asked, `kinds` from which features; `lists` are its
// parameters with several values, `always` goes with it unasked; to a question that `joins` further places can be added. What is drawn or asked of the
// whole map begins with `fresh`; what is `ofTheWhole` needs no drawing, and of what takes one place alone the last click counts.
const ALL = {
  burst: { topic: "supply", path: "/api/trace/burst", answer: burst, flows: ["pressure"], kinds: ANYWHERE, lists: [...STARTS, "inaccessible", "opened"], joins: true, always: { fallbacks: true } },
  shutdown: {
    topic: "supply",
    answer: shutdown,
    flows: ["pressure"],
    kinds: ["pipe_segment"],
    lists: [],
    joins: true,
    at: (_, id, title) => ({ cuts: [shutdown.newCut(id, title)] }),
    join: ({ cuts }, _, id, title) => ({ cuts: [...cuts, shutdown.newCut(id, title, cuts.at(-1))] }),
    ask: ({ cuts }, version) => postJson("/api/trace/shutdown", { cuts, version: version && Number(version) }),
    write: ({ cuts }) => ({ cuts: JSON.stringify(cuts) }),
    read: ({ cuts }) => ({ cuts: readList(cuts) }),
  },
  down: traceOf("down"),
  up: traceOf("up"),
  pollution: traceOf("pollution"),
  blockage: traceOf("blockage"),
  leak: traceOf("leak", { topic: "gas", flows: null, groups: ["gas"] }),
  outage: traceOf("outage", { topic: "cables", answer: outage, flows: ["cable", "none"] }),
  clearance: {
    topic: "any",
    answer: clearance,
    kinds: ["pipe_segment"],
    lists: [],
    keepsPicked: true,
    at: (_, id) => ({ id }),
    ask: ({ id }, version) => getJson(`/api/clearance/segments/${id}`, { version }),
  },
  drawn: { ...DRAWN, answer: drawn, fresh: drawn.NEW_PIPE, ask: askDrawn },
  dig: {
    ...DRAWN,
    answer: dig,
    fresh: dig.NEW_DIG,
    ask: askDig,
    read: ({ line, depth_m, hand_dig_m }) => ({ line: readLine(line), depth_m: Number(depth_m), hand_dig_m: Number(hand_dig_m) }),
  },
  section: { ...DRAWN, answer: section, fresh: section.NEW_SECTION, ask: askSection },
  room: { ...DRAWN, answer: room, ask: askRoom },
  nearby: {
    ...DRAWN,
    answer: nearby,
    fresh: nearby.NEW_PLACE,
    takesOne: true,
    ask: askNearby,
    read: (params) => readNumbers(["count"])(readPipe(params)),
  },
  corridor: { ...DRAWN, answer: corridor, fresh: corridor.NEW_CORRIDOR, ask: askCorridor },
  statistics: { ...DRAWN, answer: statistics, fresh: statistics.NEW_STATISTICS, ofTheWhole: true, ask: askStatistics },
  profile: {
    ...ANY,
    answer: profile,
    kinds: ANYWHERE,
    lists: ["segment_id"],
    joins: true,
    at: profile.startRun,
    join: profile.lengthenRun,
    ask: (params, version) => (profile.isOpenRun(params) ? { is_waiting: true } : getJson("/api/profile", { ...params, version })),
    read: readNumbers(["from_node_id", "to_node_id"]),
  },
  route: { ...DRAWN, answer: route, ask: askRoute },
  design: { ...UNPICKED, answer: design, ask: ({ id }) => getJson(`/api/designs/${id}`), read: ({ id }) => ({ id: Number(id) }) },
  connected: traceOf("connected", ANY),
  path: traceOf("path", {
    ...ANY,
    lists: [...STARTS, "to_segment_id", "to_node_id"],
    joins: true,
    join: (params, kind, id) => ({ ...params, ...toward(kind, id) }),
    ask: (params, version) => (isOpenEnded(params) ? openEnded(params) : getJson("/api/trace/path", { ...params, version })),
  }),
  loops: traceOf("loops", ANY),
  bridges: traceOf("bridges", ANY),
};

// Under an agreement: what /share answers too, a burst as far as it is shown.
const SHARED = {
  burst: { ...ALL.burst, answer: sharedBurst, kinds: ["pipe_segment"], lists: ["segment_id"], always: {} },
  ...Object.fromEntries(["clearance", "drawn", "dig", "section", "nearby", "corridor", "statistics", "profile"].map((name) => [name, ALL[name]])),
};
const QUESTIONS = isShared ? SHARED : ALL;

export const questionOf = (name) => QUESTIONS[name];
export const questionNames = () => Object.keys(QUESTIONS);

// The names of the questions by topic.
export function questionTopics() {
  const topics = new Map();
  for (const [name, { topic }] of Object.entries(QUESTIONS)) if (topic) topics.set(topic, [...(topics.get(topic) ?? []), name]);
  return topics;
}

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

// Kind and identity of the first feature that a question starts from; null for what is drawn, no identity where none is said.
export function startOf({ name, params }) {
  if (!QUESTIONS[name].kinds.length) return null;
  const node = params.node_id?.[0] ?? params.from_node_id;
  if (node) return ["node", node];
  return ["pipe_segment", params.segment_id?.[0] ?? params.id ?? params.cuts?.[0]?.segment_ids?.[0]];
}

// The same question at one more place.
export function joined(question, kind, id, title) {
  const { join } = QUESTIONS[question.name];
  const { params } = question;
  const start = START[kind];
  return { ...question, params: join?.(params, kind, id, title) ?? { ...params, [start]: [...new Set([...params[start], id])] } };
}

export function ask({ name, params }, version) {
  const { path, ask: asked, always } = QUESTIONS[name];
  return asked ? asked(params, version) : getJson(path, { ...params, ...always, version });
}
