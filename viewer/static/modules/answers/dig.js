// A dig drawn on the map: what it meets and how deep, what to shut off, whom to call, where only hands may dig.

import { element } from "../dom.js";
import { paint } from "../looks.js";
import { cornersOf, drawingActions, form, heading, list, note, numberField, pipeName, placeRow, valveRow } from "../pieces.js";
import { codeName, message, metres, text } from "../texts.js";

const STATES = ["met", "cannot_tell", "under", "beside"];
const LEAST_CORNERS = 3;
const PIT = { min: 0.05, max: 100 };

export const NEW_DIG = { line: [], depth_m: 2, hand_dig_m: 1 };
export const hasArea = ({ line }) => line.length >= LEAST_CORNERS;

export function drawing({ question: { line, depth_m }, meetings, shutoffs }) {
  const of = (state) => meetings.filter((one) => one.state === state).map(({ segment_id }) => segment_id);
  const valves = shutoffs.flatMap(({ valves: all }) => all);
  return {
    segments: meetings.length ? paint({ dig_beside: of("beside"), dig_under: of("under"), doubtful: of("cannot_tell"), dig_met: of("met") }) : null,
    marks: {
      corners: cornersOf(line),
      valves: valves.map((valve) => ({ ...valve, text: String(valve.order) })),
      sources: shutoffs.flatMap(({ sources }) => sources).map((source) => ({ ...source, text: "×" })),
    },
    sketch: { axis: [], gaps: edges(line, depth_m) },
  };
}

// The edges of the pit: its rim on the ground, its floor, and the corners down to it.
function edges(line, depth) {
  if (line.length < 2) return [];
  const floor = line.map(([x, y, z]) => [x, y, z - depth]);
  const around = (ring) => ring.map((corner, at) => [corner, ring[(at + 1) % ring.length]]);
  return [...around(line), ...around(floor), ...line.map((corner, at) => [corner, floor[at]])];
}

export function panel(answer, { question: { params }, again, flyTo, buttons, drawer }) {
  return [
    heading(text("dig_title"), hasArea(params) ? `${answer.area_m2.toFixed(1)} m²` : ""),
    form(numberField("dig", "depth_m", params, again, PIT), numberField("dig", "hand_dig_m", params, again, PIT)),
    drawingActions(params, again, drawer, buttons),
    drawer.isOn ? note(text("click_to_dig")) : null,
    ...(hasArea(params) ? found(answer, flyTo) : []),
  ];
}

function found(answer, flyTo) {
  return [
    element("p", { class: "figure", id: "dig-count" }, element("b", {}, String(answer.counts.met ?? 0)), ` ${text("dig_met")}`),
    ...quantities(answer),
    ...STATES.flatMap((state) => meetingList(answer, state, flyTo)),
    ...answer.shutoffs.flatMap((shutoff) => shutoffParts(shutoff, flyTo)),
    ...list("dig_owners", answer.owners, ownerRow),
    ...list("dig_precautions", answer.precautions, (one) => element("li", {}, message(one))),
    ...list("dig_structures", answer.structures, ({ kind_code, name, distance_m }) => element("li", {}, `${codeName("structure_kind", kind_code)} ${name}`, element("small", {}, metres(distance_m)))),
    note(text("dig_hand_source").replace("{distance}", metres(answer.dig.hand_dig_m))),
  ];
}

function quantities({ volume_m3, hand_dig_area_m2, hand_dig_volume_m3, machine_depth_m }) {
  const cubic = (value) => (value === null ? "?" : `${value.toFixed(1)} m³`);
  const machine = machine_depth_m === null ? text("dig_no_limit") : metres(machine_depth_m);
  const told = [
    [text("dig_volume"), cubic(volume_m3)],
    [text("dig_by_hand"), `${hand_dig_area_m2.toFixed(1)} m² · ${cubic(hand_dig_volume_m3)}`],
    [text("dig_machine"), machine],
  ];
  return told.map(([words, value]) => element("p", { class: "line" }, `${words} `, element("b", {}, value)));
}

function meetingList({ meetings }, state, flyTo) {
  const row = (one) => {
    const [x_m, y_m, z_m] = one.point;
    const deep = one.starts_at_m === null ? text("depth_unknown") : text("dig_starts").replace("{depth}", metres(one.starts_at_m));
    const gap = state === "met" || one.gap_m === null ? null : text(`dig_gap_${state}`).replace("{gap}", metres(one.gap_m));
    const hand = one.hand_dig_from_m === null ? null : text("dig_hand_from").replace("{depth}", metres(one.hand_dig_from_m));
    const out = one.is_live ? null : text("dig_out_of_use");
    const accuracy = one.starts_at_m === null ? null : `±${metres(one.accuracy_m)}`;
    const about = [deep, gap, hand, accuracy].filter(Boolean).join(" · ");
    return placeRow({ x_m, y_m, z_m }, pipeName(one), flyTo, [about, [one.owner ?? text("owner_unknown"), out].filter(Boolean).join(" · ")]);
  };
  return list(`dig_${state}`, meetings.filter((one) => one.state === state), row);
}

function shutoffParts({ group_code: group, segment_ids, valves, sources, consumers, critical, message_en, ...words }, flyTo) {
  const title = element("h3", { "data-shutoff": group }, `${text("dig_shutoff")} · ${text(`group_${group}`)}`);
  if (message_en) return [title, note(message({ message_en, ...words }))];
  const served = `${segment_ids.length} ${text("segments")} · ${consumers} ${text("consumers")}`;
  const named = critical.map(({ name }) => name ?? text("no_name"));
  return [
    title,
    element("p", { class: "line" }, [served, ...named].join(" · ")),
    element("ol", { class: "places" }, ...valves.map((valve) => valveRow(valve, flyTo)), ...sources.map((source) => placeRow(source, source.name ?? source.source_key, flyTo, [text("mark_sources")]))),
  ];
}

const ownerRow = ({ owner, telephone, class_codes, segment_ids }) =>
  element("li", {}, owner ?? text("owner_unknown"), telephone && element("b", {}, ` ☎ ${telephone}`), element("small", {}, `${segment_ids.length} ${text("segments")} · ${class_codes.map((code) => codeName("utility_class", code)).join(", ")}`));
