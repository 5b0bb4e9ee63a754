// What a burst does beyond its own pipes: the pressure tiers of gas, supply and return of heat, the pressures left.

import { element } from "../dom.js";
import { list, nameOf, note, people, placeRow, warning } from "../pieces.js";
import { codeName, message, metres, text } from "../texts.js";

const tierNames = (codes) => codes.map((code) => codeName("pressure", code)).join(", ") || text("tier_unknown");
const regulatorsLost = (tiers) => (tiers?.districts ?? []).flatMap(({ regulators }) => regulators.filter(({ fate }) => fate === "closed" || fate === "lost"));

export const effectMarks = ({ tiers, pair }, pressure) => ({
  regulators: [...new Map(regulatorsLost(tiers).map((one) => [one.node_id, one])).values()],
  stations: pair?.stations_lost ?? [],
  low_pressure: pressure?.low_consumers ?? [],
});

export function tierParts(tiers, flyTo) {
  if (!tiers) return [];
  const row = (district) => {
    const fate = district.is_out ? text("district_out") : text("district_part").replace("{length}", metres(district.lost_length_m));
    const lost = `${fate} · ${district.consumers_lost} ${text("consumers")} · ${people(district.people_lost)}`;
    const regulators = district.lost_all_regulators ? text("no_regulator_left") : null;
    return element("li", {}, `${tierNames(district.pressure_codes)} · ${metres(district.length_m)}`, ...[lost, regulators].filter(Boolean).map((line) => element("small", {}, line)));
  };
  return [
    ...list("districts", tiers.districts, row),
    ...list("regulators", regulatorsLost(tiers), (one) => placeRow(one, nameOf(one), flyTo, [`${tierNames(one.from_pressure_codes)} → ${tierNames(one.to_pressure_codes)} · ${text(`fate_${one.fate}`)}`, one.address])),
  ];
}

export function pairParts(pair, flyTo) {
  if (!pair) return [];
  const row = ({ segment_id, partner_id, partner_key, method }) => element("li", {}, `${segment_id} ↔ ${partner_key ?? partner_id}`, element("small", {}, text(`pair_${method}`)));
  return [
    ...list("pair", pair.partners, row),
    pair.unpaired_segment_ids.length ? element("p", { class: "warning" }, text("unpaired").replace("{count}", pair.unpaired_segment_ids.length)) : null,
    ...list("stations", pair.stations_lost, (one) => placeRow(one, nameOf(one), flyTo, [one.address])),
  ];
}

// A model's result, and marked as one.
export function pressureParts(pressure, flyTo) {
  if (!pressure) return [];
  const { before, after, threshold_m: threshold } = pressure;
  const shown = (value) => (value === null ? "?" : metres(value));
  const row = (one) => {
    const about = `${shown(one.before_m)} → ${metres(one.after_m)}${one.was_low ? ` · ${text("was_low")}` : ""}`;
    return placeRow(one, one.name ?? text("no_name"), flyTo, [about, one.people === null ? null : people(one.people)]);
  };
  return [
    element("h3", {}, text("pressure_title")),
    note(text("pressure_model").replace("{engine}", pressure.engine)),
    element("p", { class: "line", id: "pressure-figures" }, text("pressure_lowest").replace("{before}", shown(before.lowest_m)).replace("{after}", shown(after.lowest_m)), element("small", {}, text("pressure_newly_low").replace("{count}", pressure.newly_low).replace("{people}", pressure.newly_low_people).replace("{threshold}", metres(threshold)))),
    ...list("low_pressure", pressure.low_consumers, row, text("none_low").replace("{threshold}", metres(threshold))),
    ...pressure.warnings.map((one) => warning(one)),
    element("details", {}, element("summary", {}, text("pressure_assumes")), element("ul", { class: "places" }, ...pressure.assumptions.map((one) => element("li", {}, message(one), element("small", {}, one.source))))),
  ];
}
