// A burst as an agreement shows it: the valves, pipes and hydrants that are shown, and whether there is more.

import { paint } from "../looks.js";
import { actions, heading, list, nameOf, placeRow, warning } from "../pieces.js";
import { metres, text } from "../texts.js";
import { valveList, zoneTiles } from "./plan.js";

const noted = (valve) => ({ ...valve, notes: [] });

export const drawing = (answer) => ({
  segments: paint({
    already_dry: answer.already_dry_segment_ids,
    dry: answer.dry_segment_ids,
    isolated: answer.isolated_segment_ids,
    start: answer.segment_ids,
  }),
  marks: {
    hydrants_lost: answer.hydrants_lost,
    hydrants_fed: answer.hydrants_to_use,
    relied_on: answer.closed_valves_relied_on,
    valves: answer.valves_to_close.map((valve) => ({ ...valve, text: String(valve.order) })),
  },
  frame: { segmentIds: [...answer.segment_ids, ...answer.isolated_segment_ids], places: answer.valves_to_close },
});

export function panel(answer, { question, flyTo, buttons }) {
  const hydrant = (one) => placeRow(one, nameOf(one), flyTo, [[one.address, metres(one.distance_m)].filter(Boolean).join(" · ")]);
  return [
    heading(text("burst_title"), question.title ?? ""),
    actions(...buttons),
    answer.goes_on ? warning({ ...answer, code: "goes_on" }) : null,
    zoneTiles(answer, answer.already_dry_segment_ids),
    ...valveList("valves_to_close", answer.valves_to_close.map(noted), flyTo, { ifEmpty: text("no_valve_shown") }),
    ...valveList("relied_on", answer.closed_valves_relied_on.map(noted), flyTo),
    ...list("hydrants_lost", answer.hydrants_lost, hydrant),
    ...list("hydrants_fed", answer.hydrants_to_use, hydrant),
  ];
}
