// What a plan of valves does, as bursts and planned shut-downs share it: zones, people, valves, hydrants.

import { element } from "../dom.js";
import { list, nameOf, people, placeRow, tile, valveRow } from "../pieces.js";
import { codeName, metres, text } from "../texts.js";

const LENGTHS = { isolated: "isolated_length_m", dry: "dry_length_m" };

export function planMarks(plan) {
  return {
    critical: plan.consumers.critical,
    hydrants_lost: plan.hydrants_lost,
    sources: plan.sources_to_shut.map((place) => ({ ...place, text: "!" })),
    relied_on: plan.closed_valves_relied_on,
    valves: plan.valves_to_close.map((valve) => ({ ...valve, text: String(valve.order) })),
  };
}

export function zoneTiles(plan, already_dry = null) {
  const zones = Object.entries(LENGTHS).map(([zone, length]) => tile(zone, plan[`${zone}_segment_ids`].length, text("segments"), metres(plan[length])));
  if (already_dry) zones.push(tile("already_dry", already_dry.length, text("segments")));
  return element("ul", { class: "tiles" }, ...zones);
}

export function peopleLost({ consumers }) {
  const byKind = Object.entries(consumers.by_kind).map(([kind, count]) => `${codeName("consumer_kind", kind)} ${count}`);
  return [
    element("p", { class: "figure", id: "consumer-count" }, element("b", {}, String(consumers.count)), ` ${text("consumers_hit")} · ${people(consumers.people)}`),
    byKind.length ? element("p", { class: "note" }, byKind.join(" · ")) : null,
  ];
}

export function criticalRow(consumer, flyTo) {
  const about = consumer.people === null ? "" : ` · ${people(consumer.people)}`;
  return placeRow(consumer, `${consumer.name ?? text("no_name")} (${codeName("consumer_kind", consumer.kind_code)})${about}`, flyTo);
}

export function hydrantLists(plan, nearest, flyTo) {
  const instead = ({ nearest_fed: fed }) => (fed ? `${text("use_instead")} ${nameOf(fed)} · ${metres(fed.distance_m)}` : text("none_fed"));
  return [
    ...list("hydrants_lost", plan.hydrants_lost, (hydrant) => placeRow(hydrant, nameOf(hydrant), flyTo, [instead(hydrant)])),
    ...list("hydrants_fed", nearest, (hydrant) => placeRow(hydrant, nameOf(hydrant), flyTo, [metres(hydrant.distance_m)])),
  ];
}

export const sourceLists = (plan, flyTo) => list("sources_to_shut", plan.sources_to_shut, (place) => placeRow(place, nameOf(place), flyTo, [place.address]));

// `notes` and `doable` give what more is said of a valve and what can be said of it.
export const valveList = (title, valves, flyTo, { notes = () => [], doable = () => [], ifEmpty } = {}) =>
  list(title, valves, (valve) => valveRow(valve, flyTo, notes(valve), ...doable(valve)), ifEmpty);
