// The conflicts that the city-wide run found in a version, or that an agreement shows in a window, as a layer of the map.

import { isShared } from "../access.js";
import { getJson } from "../api.js";
import { element } from "../dom.js";
import { heading, note } from "../pieces.js";
import { outdated, text } from "../texts.js";
import { atPlaces, conflictList, conflictRow, placed } from "./clearance.js";

const MOST = 5_000;
const MOST_LISTED = 100;

// The worst conflicts in a part of the map (west, south, east, north; null for all of it).
export async function askKnown(version, bbox) {
  const { run, conflicts } = isShared ? await judged(bbox) : await getJson("/api/clearance/city", { version, bbox, limit: MOST });
  return { run, conflicts, places: conflicts.map(placed).map(({ label, ...place }) => place) };
}

// Under an agreement no run is known: what is shown in the window is judged anew.
async function judged(bbox) {
  const { conflicts, ...run } = await getJson("/api/clearance/conflicts", { bbox, limit: MOST });
  return { run, conflicts };
}

// One of them with the move that clears it.
export const askConflict = async (version, known) => (isShared ? known : getJson("/api/clearance/city/conflict", { version, segment_id: known.segment_id, other_id: known.other_id }));

export function knownPanel({ run, conflicts }, flyTo) {
  const listed = conflicts.slice(0, MOST_LISTED);
  const counts = run.counts.filter(({ state }) => state === "conflict");
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const shown = conflicts.length < total ? ` / ${total}` : "";
  return [
    heading(text("known_conflicts"), `v${run.version}`),
    outdated(run) ? element("p", { class: "warning", id: "run-outdated" }, outdated(run)) : null,
    element("p", { class: "figure", id: "known-count" }, element("b", {}, String(conflicts.length)), `${shown} ${text("conflicts")}`),
    element("ul", { class: "counts", id: "known-kinds" }, ...counts.map(kindRow)),
    conflicts.length > listed.length ? note(text("worst_listed").replace("{count}", listed.length)) : null,
    conflictList(listed, flyTo),
  ];
}

// Of one kind in the whole map: pairs of pipes, the places they are at, and how many are certain.
function kindRow({ kind, count, certain, places }) {
  const words = [`${text(kind)} ${count}`, places === null ? null : atPlaces(places), text("of_these_certain").replace("{count}", certain)];
  return element("li", { "data-kind": kind }, words.filter(Boolean).join(" · "));
}

export const conflictPanel = (conflict, flyTo) => [heading(text("conflict"), conflict.segment_source_key ?? conflict.segment_id, conflict.segment_class_code), element("ol", { class: "places conflicts" }, conflictRow(conflict, flyTo))];
