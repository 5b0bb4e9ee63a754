// The answer to a cut cable, duct or tunnel: the circuits it takes down, one by one or all at once.

import { element } from "../dom.js";
import { paint } from "../looks.js";
import { actions, choices, heading, list, nameOf, note, people, placeRow, warning } from "../pieces.js";
import { codeName, metres, text } from "../texts.js";
import { criticalRow, peopleLost, valveList } from "./plan.js";

const letter = (index) => String.fromCharCode(65 + (index % 26));
const shownCircuits = (answer, choice) => (answer.circuits[choice.circuit] ? [answer.circuits[choice.circuit]] : answer.circuits);
const nameOfCircuit = ({ circuit, group_code }) => circuit ?? `${codeName("utility_class", group_code)} · ${text("no_circuit")}`;

export function drawing(answer, choice) {
  const circuits = shownCircuits(answer, choice);
  const all = (name) => circuits.flatMap((circuit) => circuit[name]);
  const critical = circuits.flatMap(({ consumers }) => consumers.critical);
  return {
    segments: paint({ dry: all("dry_segment_ids"), isolated: all("isolated_segment_ids"), start: all("cut_segment_ids") }),
    marks: {
      critical: [...new Map(critical.map((one) => [one.feature_id, one])).values()],
      stops: answer.stopped_at.map(({ node }) => ({ ...node, text: "!" })),
      points_lost: all("points_lost"),
      back_feeds: all("switches_to_close").map((one, index) => ({ ...one, text: letter(index) })),
      switches: all("switches_to_open").map((one, index) => ({ ...one, text: String(index + 1) })),
    },
    frame: { segmentIds: [...all("isolated_segment_ids"), ...all("dry_segment_ids")], places: all("switches_to_open") },
  };
}

export function panel(answer, { question, choice, choose, flyTo, buttons }) {
  const one = answer.circuits[choice.circuit];
  return [
    heading(text("ask_outage"), question.title),
    actions(...buttons),
    element("p", { class: "figure", id: "reached" }, element("b", {}, String(answer.circuits.length)), ` ${text("circuits_down")} · ${metres(answer.length_m)}`),
    note(text("with_another_circuit").replace("{out}", answer.consumer_ids_out.length).replace("{other}", answer.consumer_ids_with_another_circuit.length)),
    ...answer.assumptions.map((item) => warning(item, item.count > 1 ? ` (${item.count})` : "")),
    circuitChoices(answer, choice, choose),
    ...(one ? circuitParts(one, flyTo) : []),
    ...list("hit", answer.hit, hitRow),
    ...list("other_utilities", answer.other_utilities, hitRow),
  ];
}

function circuitChoices({ circuits }, choice, choose) {
  if (!circuits.length) return null;
  const options = circuits.map((one, index) => [index, nameOfCircuit(one), element("small", {}, ` ${one.consumers.count} ${text("consumers")} · ${people(one.consumers.people)}`)]);
  return choices("circuits", [[-1, text("all_circuits")], ...options], circuits[choice.circuit] ? choice.circuit : -1, (circuit) => choose({ circuit }));
}

function circuitParts(circuit, flyTo) {
  return [
    circuit.is_source_known ? null : element("p", { class: "warning" }, text("no_source_known")),
    ...peopleLost(circuit),
    ...list("critical", circuit.consumers.critical, (consumer) => criticalRow(consumer, flyTo)),
    ...valveList("switches_to_open", circuit.switches_to_open, flyTo),
    ...valveList("switches_to_close", circuit.switches_to_close, flyTo),
    ...list("points_lost", circuit.points_lost, (point) => placeRow(point, nameOf(point), flyTo, [codeName("appurtenance", point.appurtenance_code), point.address])),
  ];
}

function hitRow(hit) {
  const about = [codeName("utility_class", hit.class_code), hit.circuits.join(", "), hit.owner ?? text("owner_unknown")].filter(Boolean).join(" · ");
  return element("li", {}, nameOf(hit), element("small", {}, about));
}
