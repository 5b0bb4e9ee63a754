// The answer to a clearance question: what is too near, by which limit, and what cannot be told.

import { element } from "../dom.js";
import { actions, heading, list, note } from "../pieces.js";
import { codeName, message, metres, reason, text } from "../texts.js";

// Place of a conflict, and by how much it falls short.
export const placed = ({ point: [x_m, y_m, z_m], shortfall_m }) => ({ x_m, y_m, z_m, label: `−${shortfall_m.toFixed(2)} m` });

export const drawing = (answer) => ({ segments: null, marks: { conflicts: answer.conflicts.map(placed) } });

export function panel(answer, { question, flyTo, buttons }) {
  return [
    heading(text("clearance"), question.title ?? ""),
    actions(...buttons),
    ...findings(answer, flyTo),
  ];
}

// What is too near, and apart from it what cannot be told; `doable` is what can be done about a conflict.
export function findings(answer, flyTo, doable = () => null) {
  const places = new Set(answer.conflicts.map(({ place }) => place)).size;
  const counted = [text("conflicts"), places < answer.conflicts.length ? atPlaces(places) : null, `${answer.checked_pairs} ${text("pairs_checked")}`];
  return [
    element("p", { class: "figure", id: "conflict-count" }, element("b", {}, String(answer.conflicts.length)), ` ${counted.filter(Boolean).join(" · ")}`),
    answer.conflicts.length ? null : note(text("no_conflicts")),
    conflictList(answer.conflicts, flyTo, doable),
    ...list("cannot_tell", answer.cannot_tell ?? [], (item) => element("li", {}, `${item.other_source_key ?? item.other_id ?? ""} ${reason(item)}`)),
  ];
}

export const atPlaces = (count) => text("at_places").replace("{count}", count);

// Conflicts by place, in the order given: of each the first, and folded under it the other pairs that nodes cut it in.
export function conflictList(conflicts, flyTo, doable = () => null) {
  const places = new Map();
  conflicts.forEach((conflict, rank) => places.set(conflict.place ?? -rank, [...(places.get(conflict.place ?? -rank) ?? []), conflict]));
  const row = (conflict, more) => conflictRow(conflict, flyTo, [doable(conflict), more].flat());
  const folded = (others) => element("details", {}, element("summary", {}, text("same_place").replace("{count}", others.length)), element("ol", {}, ...others.map((one) => row(one))));
  return element("ol", { class: "places conflicts" }, ...[...places.values()].map(([first, ...others]) => row(first, others.length ? folded(others) : null)));
}

export function conflictRow(conflict, flyTo, doable) {
  const words = [text(conflict.kind), sideOf(conflict, "other") || sideOf(conflict, "segment")].filter(Boolean).join(" · ");
  const doubts = ["to_be_confirmed", "within_accuracy"].filter((doubt) => conflict[doubt]).map(text);
  return element(
    "li",
    {},
    element("button", { type: "button", class: "place", onclick: () => flyTo(conflict.point) }, words),
    element("b", { class: "shortfall" }, `${text("shortfall")} ${metres(conflict.shortfall_m)}`),
    element("small", { class: "measures" }, `${text("measured")} ${metres(conflict.measured_m)} · ${text("limit")} ${metres(conflict.limit_m)}`),
    element("small", {}, message(conflict)),
    element("small", {}, [`${conflict.standard} ${conflict.clause}`.trim(), ...doubts].filter(Boolean).join(" · ")),
    conflict.move ? element("small", { class: "move" }, message(conflict.move)) : null,
    ...[doable].flat(),
  );
}

// A side by its class and key; nothing for one that has neither: the ground, or a pipe that is drawn.
function sideOf(conflict, side) {
  const [code, key] = [conflict[`${side}_class_code`], conflict[`${side}_source_key`] ?? conflict[`${side}_id`]];
  const name = code && (conflict.other_kind === "structure" && side === "other" ? codeName("structure_kind", code) : codeName("utility_class", code));
  return [name, key].filter(Boolean).join(" ");
}
