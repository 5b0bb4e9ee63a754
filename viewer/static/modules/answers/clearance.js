// The answer to a clearance question: what is too near, by which limit, and what cannot be told.

import { element } from "../dom.js";
import { actions, heading, list, note } from "../pieces.js";
import { codeName, message, metres, reason, text } from "../texts.js";

const placed = ({ point: [x_m, y_m, z_m] }) => ({ x_m, y_m, z_m });

export const drawing = (answer) => ({ segments: null, marks: { conflicts: answer.conflicts.map(placed) } });

export function panel(answer, { question, flyTo, buttons }) {
  return [
    heading(text("clearance"), question.title ?? ""),
    actions(...buttons),
    element("p", { class: "figure", id: "conflict-count" }, element("b", {}, String(answer.conflicts.length)), ` ${text("conflicts")} · ${answer.checked_pairs} ${text("pairs_checked")}`),
    answer.conflicts.length ? null : note(text("no_conflicts")),
    element("ol", { class: "places conflicts" }, ...answer.conflicts.map((conflict) => conflictRow(conflict, flyTo))),
    ...list("cannot_tell", answer.cannot_tell ?? [], (item) => element("li", {}, `${item.other_source_key ?? item.other_id ?? ""} ${reason(item)}`)),
  ];
}

function conflictRow(conflict, flyTo) {
  const other = conflict.other_source_key ?? conflict.other_id;
  const words = `${text(conflict.kind)} · ${codeName("utility_class", conflict.other_class_code)} ${other ?? ""}`;
  const doubts = ["to_be_confirmed", "within_accuracy"].filter((doubt) => conflict[doubt]).map(text);
  return element(
    "li",
    {},
    element("button", { type: "button", class: "place", onclick: () => flyTo(conflict.point) }, words),
    element("b", { class: "shortfall" }, `${text("shortfall")} ${metres(conflict.shortfall_m)}`),
    element("small", {}, message(conflict)),
    element("small", {}, [`${conflict.standard} ${conflict.clause}`, ...doubts].join(" · ")),
  );
}
