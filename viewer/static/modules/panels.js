// The details panel: a feature with its history, the answer to a burst, the answer to a clearance question.

import { byId, element } from "./dom.js";
import { attributeLabel, attributeOrder, attributeValue, codeName, currentLanguage, message, metres, otherLabel, reason, text } from "./texts.js";

const NOT_SHOWN = new Set(["geom", "dataset_id", "source_file_id", "extra", "feature_id", "kind"]);

export function showPanel(...content) {
  byId("details-body").replaceChildren(...content.filter(Boolean));
  byId("details").hidden = false;
}

export function hidePanel() {
  byId("details").hidden = true;
}

export function featurePanel(kind, feature, history, actions) {
  const properties = feature.properties ?? feature;
  const title = properties.source_key ?? properties.name ?? feature.id;
  return [
    heading(text(kind), title, properties.class_code),
    element("div", { class: "actions" }, ...actions),
    element("h3", {}, text("attributes")),
    element("dl", { class: "attributes" }, ...attributeRows(kind, properties), ...attributeRows(kind, properties.extra ?? {})),
    element("h3", {}, text("history")),
    element("ol", { class: "history" }, ...history.map(historyRow)),
  ];
}

function heading(kind, title, classCode) {
  const about = classCode ? `${kind} · ${codeName("utility_class", classCode)}` : kind;
  return element("header", {}, element("p", { class: "kind" }, about), element("h2", {}, String(title)));
}

function attributeRows(kind, properties) {
  const rank = (name) => (attributeOrder.indexOf(name) + 1 || attributeOrder.length + 1);
  return Object.entries(properties)
    .filter(([name, value]) => !NOT_SHOWN.has(name) && value !== null && value !== "" && typeof value !== "object")
    .sort(([one], [other]) => rank(one) - rank(other))
    .flatMap(([name, value]) => [
      element("dt", {}, attributeLabel(name), element("small", {}, otherLabel(name))),
      element("dd", { "data-attribute": name }, attributeValue(kind, name, value)),
    ]);
}

function historyRow(entry) {
  const changed = (entry.changed ?? []).map(attributeLabel).join(currentLanguage() === "zh" ? "、" : ", ");
  return element(
    "li",
    {},
    element("b", {}, `v${entry.version}`),
    ` ${text(entry.op)} · ${new Date(entry.published_at).toLocaleDateString(document.documentElement.lang)} · ${entry.author}`,
    element("small", {}, entry.message ?? ""),
    entry.op === "update" && changed ? element("small", {}, changed) : null,
  );
}

export function burstPanel(answer, actions, flyTo) {
  const { consumers } = answer;
  const byKind = Object.entries(consumers.by_kind).map(([kind, count]) => `${codeName("consumer_kind", kind)} ${count}`);
  return [
    heading(text("burst_title"), answer.burst.map((place) => place.source_key ?? place.segment_id).join(", "), answer.burst[0]?.class_code),
    element("div", { class: "actions" }, ...actions),
    element(
      "ul",
      { class: "tiles" },
      tile("isolated", answer.isolated_segment_ids.length, `${text("segments")} · ${metres(answer.isolated_length_m)}`),
      tile("dry", answer.dry_segment_ids.length, `${text("segments")} · ${metres(answer.dry_length_m)}`),
      tile("already_dry", answer.already_dry_segment_ids.length, text("segments")),
    ),
    element("p", { class: "figure", id: "consumer-count" }, element("b", {}, String(consumers.count)), ` ${text("consumers_hit")} · ${consumers.people} ${text("people")}`),
    byKind.length ? element("p", { class: "note" }, byKind.join(" · ")) : null,
    ...list("valves_to_close", answer.valves_to_close, (valve) => valveRow(valve, flyTo), text("no_valves")),
    ...list("relied_on", answer.closed_valves_relied_on, (valve) => valveRow(valve, flyTo)),
    ...list("critical", consumers.critical, (consumer) => placeRow(consumer, criticalWords(consumer), flyTo)),
    ...list("hydrants_lost", answer.hydrants_lost, (hydrant) => placeRow(hydrant, hydrant.source_key ?? hydrant.node_id, flyTo)),
    ...answer.warnings.map((warning) => element("p", { class: "warning" }, message(warning))),
  ];
}

function tile(kind, count, note) {
  return element("li", { class: kind, "data-zone": kind }, element("span", {}, text(kind)), element("b", {}, String(count)), element("small", {}, note));
}

function list(title, items, row, ifEmpty) {
  if (!items.length && !ifEmpty) return [];
  const body = items.length ? element("ol", { class: "places", "data-list": title }, ...items.map(row)) : element("p", { class: "note" }, ifEmpty);
  return [element("h3", {}, text(title)), body];
}

function valveRow(valve, flyTo) {
  const operability = `${attributeLabel("operability_code")}: ${codeName("operability", valve.operability_code)}`;
  const notes = [codeName("valve_state", valve.state_code), operability, valve.address];
  return placeRow(valve, valve.name ?? valve.source_key ?? valve.node_id, flyTo, notes.filter(Boolean).join(" · "));
}

function criticalWords(consumer) {
  const people = consumer.people === null ? "" : ` · ${consumer.people} ${text("people")}`;
  return `${consumer.name ?? text("no_name")} (${codeName("consumer_kind", consumer.kind_code)})${people}`;
}

function placeRow(place, words, flyTo, note) {
  const button = element("button", { type: "button", class: "place", onclick: () => flyTo([place.x_m, place.y_m]) }, String(words));
  return element("li", {}, button, note ? element("small", {}, note) : null);
}

export function clearancePanel(answer, title, actions, flyTo) {
  return [
    heading(text("clearance"), title),
    element("div", { class: "actions" }, ...actions),
    element("p", { class: "figure", id: "conflict-count" }, element("b", {}, String(answer.conflicts.length)), ` ${text("conflicts")} · ${answer.checked_pairs} ${text("pairs_checked")}`),
    answer.conflicts.length ? null : element("p", { class: "note" }, text("no_conflicts")),
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
