// A planned pipe that was saved as a draft: what it proposes, and what it would be too near to on the live map.

import { element } from "../dom.js";
import { actions, heading, note } from "../pieces.js";
import { text } from "../texts.js";
import { findings, placed } from "./clearance.js";
import { gapsOf } from "./drawn.js";

export function drawing({ pipes, clearance: { conflicts } }) {
  const axis = pipes.flatMap((pipe, rank) => (rank ? pipe.axis.slice(1) : pipe.axis));
  return { segments: null, marks: { conflicts: conflicts.map(placed) }, sketch: { ...pipes[0], axis, gaps: gapsOf(conflicts) } };
}

export function panel({ changeset_id: id, title, state, author, pipes, clearance }, { flyTo, buttons }) {
  return [
    heading(`${text("design_title")} ${id}`, title, pipes[0]?.class_code),
    actions(...buttons),
    element("p", { class: "figure", id: "design-state", "data-changeset": String(id) }, element("b", {}, text(`state_${state}`)), ` · ${author} · ${pipes.length} ${text("segments")}`),
    state === "draft" ? note(text("draft_is_hidden")) : null,
    ...findings(clearance, flyTo),
  ];
}
