// Answers that follow the pipes: what was reached, where it stopped and why, what was taken for granted.

import { element } from "../dom.js";
import { paint } from "../looks.js";
import { actions, heading, list, nameOf, note, people, picture, placeRow, warning } from "../pieces.js";
import { codeName, message, metres, text } from "../texts.js";

const OUTFALL = "outfall";
const FAR_END = "→";
const isReached = ({ is_reached }) => is_reached ?? true;

export function drawing(answer) {
  const spaces = (answer.spaces ?? []).map((space, index) => ({ ...space, text: String(index + 1) }));
  return {
    segments: paint({
      [answer.spaces ? "space" : "reached"]: answer.segment_ids,
      bridge: answer.question === "bridges" ? answer.segment_ids : [],
      another_way: answer.another_way_segment_ids ?? [],
      overflow: answer.overflow_segment_ids ?? [],
      doubtful: answer.doubtful_segment_ids ?? [],
      start: [...answer.start.segment_ids, ...(answer.target_segment_ids ?? [])],
    }),
    marks: {
      stops: answer.stopped_at.filter(({ code }) => code !== OUTFALL).map(({ node }) => ({ ...node, text: "!" })),
      ends: (answer.ends ?? []).filter(({ code }) => code === OUTFALL).map(({ node }) => ({ ...node, text: FAR_END })),
      spaces,
    },
    frame: { segmentIds: [...answer.start.segment_ids, ...answer.segment_ids], places: [...spaces, ...answer.stopped_at.map(({ node }) => node)] },
  };
}

export function panel(answer, { question, flyTo, buttons }) {
  return [
    heading(text(`ask_${question.name}`), question.title, answer.class_codes.length === 1 ? answer.class_codes[0] : null),
    actions(...buttons),
    figure(answer),
    profileAlong(answer),
    isReached(answer) ? null : element("p", { class: "warning" }, text("no_way")),
    ...answer.assumptions.map((one) => warning(one, one.count > 1 ? ` (${one.count})` : "")),
    ...drained("drained", answer.drained),
    ...drained("held_back", answer.held_back),
    ...list("ends", answer.ends ?? [], (end) => placeRow(end.node, nameOf(end.node), flyTo, [message(end), arrival(end)])),
    ...spaceList(answer, flyTo),
    ...list("loops", answer.loops ?? [], loopRow),
    ...stopList(answer, flyTo),
    ...directions(answer),
  ];
}

function figure({ waits_for, spaces, radius_m, segment_ids, length_m, bridge_count, consumers }) {
  if (waits_for) return element("p", { class: "warning", id: "waits-for" }, text(waits_for).replace("{join}", text("join_path")));
  if (spaces) return element("p", { class: "figure", id: "reached" }, element("b", {}, String(spaces.length)), ` ${text("spaces_within").replace("{radius}", metres(radius_m))}`);
  const served = consumers === undefined ? "" : ` · ${consumers} ${text("consumers")}`;
  return element("p", { class: "figure", id: "reached" }, element("b", {}, String(bridge_count ?? segment_ids.length)), ` ${text("segments")} · ${metres(length_m)}${served}`);
}

// A way along the pipes seen from the side.
const profileAlong = ({ question, segment_ids, version }) =>
  question === "path" && segment_ids.length ? picture("profile-along", "/api/profile/drawing", { segment_id: segment_ids, version }) : null;

function drained(title, found) {
  if (!found) return [];
  const byKind = Object.entries(found.by_kind).map(([kind, count]) => `${codeName("consumer_kind", kind)} ${count}`);
  const critical = found.critical.map((name) => name ?? text("no_name"));
  const counted = `${found.consumers} ${text("consumers")} · ${people(found.people)} · ${found.inlets} ${text("inlets")} · ${found.heads} ${text("heads")}`;
  return [element("h3", {}, text(title)), element("p", { class: "line", "data-drained": title }, counted), ...[byKind, critical].filter((words) => words.length).map((words) => note(words.join(" · ")))];
}

function arrival({ distance_m, travel_time_h, untimed_m }) {
  if (travel_time_h === null) return distance_m === null ? null : metres(distance_m);
  const minutes = Math.round(travel_time_h * 60);
  const time = `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`;
  return `${metres(distance_m)} · ${text(untimed_m > 0 ? "arrives_at_least" : "arrives").replace("{time}", time)}`;
}

function spaceList(answer, flyTo) {
  if (!answer.spaces) return [];
  const row = (space) => {
    const where = space.is_height_known ? metres(space.distance_m) : `${metres(space.distance_m)} (${text("in_plan")})`;
    const what = [text(`space_${space.kind}`), space.class_code && codeName("utility_class", space.class_code)].filter(Boolean).join(" · ");
    return placeRow(space, nameOf(space), flyTo, [what, `${where} · ${space.owner ?? text("owner_unknown")}`, space.address]);
  };
  const none = text("no_spaces").replace("{radius}", metres(answer.radius_m));
  return [...list("spaces", answer.spaces, row, none), moreLeftOut(answer.spaces_left_out)];
}

const loopRow = ({ segment_count, independent_loops, length_m }) =>
  element("li", {}, `${segment_count} ${text("segments")} · ${metres(length_m)}`, element("small", {}, text("independent_loops").replace("{count}", independent_loops)));

// What is not told as an end of the flow already.
function stopList({ stopped_at, stop_counts, ends = [] }, flyTo) {
  const all = Object.values(stop_counts).reduce((sum, count) => sum + count, 0);
  const told = new Set(ends.map(({ node }) => node.node_id));
  const others = stopped_at.filter(({ node }) => !told.has(node.node_id));
  return [...list("stopped_at", others, (stop) => placeRow(stop.node, nameOf(stop.node), flyTo, [message(stop)])), moreLeftOut(all - stopped_at.length)];
}

const moreLeftOut = (count) => (count > 0 ? note(`${text("more_left_out")} ${count}`) : null);

function directions({ decided_by }) {
  const decided = Object.entries(decided_by ?? {}).filter(([, count]) => count);
  if (!decided.length) return [];
  return [element("h3", {}, text("decided_by")), note(decided.map(([by, count]) => `${text(`by_${by}`)} ${count}`).join(" · "))];
}
