// The details panel, and a feature with its history in it.

import { byId, element } from "./dom.js";
import { actions, heading } from "./pieces.js";
import { attributeLabel, attributeOrder, attributeValue, currentLanguage, otherLabel, text } from "./texts.js";

const NOT_SHOWN = new Set(["geom", "dataset_id", "source_file_id", "extra", "feature_id", "kind"]);

// Whoever works with the keyboard stays where they were when a panel is made anew.
export function showPanel(...content) {
  const body = byId("details-body");
  const focused = body.contains(document.activeElement) ? selectorOf(document.activeElement) : null;
  body.replaceChildren(...content.filter(Boolean));
  byId("details").hidden = false;
  if (focused) body.querySelector(focused)?.focus();
}

function selectorOf({ id, dataset }) {
  const [name, value] = Object.entries(dataset)[0] ?? [];
  return id ? `#${CSS.escape(id)}` : name ? `[data-${name}="${CSS.escape(value)}"]` : null;
}

export function hidePanel() {
  byId("details").hidden = true;
}

export function featurePanel(kind, feature, history, buttons, more) {
  const properties = feature.properties ?? feature;
  const title = properties.source_key ?? properties.name ?? feature.id;
  return [
    heading(text(kind), title, properties.class_code),
    actions(...buttons),
    more,
    element("h3", {}, text("attributes")),
    element("dl", { class: "attributes" }, ...attributeRows(kind, properties), ...attributeRows(kind, properties.extra ?? {})),
    ...(history.length ? [element("h3", {}, text("history")), element("ol", { class: "history" }, ...history.map(historyRow))] : []),
  ];
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
