// What panels are made of: headings, lists of places, figures, buttons.

import { isShared } from "./access.js";
import { addressOf } from "./api.js";
import { element } from "./dom.js";
import { attributeLabel, codeName, currentLanguage, message, metres, text } from "./texts.js";

export function heading(kind, title, classCode) {
  const about = classCode ? `${kind} · ${codeName("utility_class", classCode)}` : kind;
  return element("header", {}, element("p", { class: "kind" }, about), element("h2", {}, String(title)));
}

export const actions = (...buttons) => element("div", { class: "actions" }, ...buttons.filter(Boolean));
export const button = (id, words, onclick, more = {}) => element("button", { type: "button", id, onclick, ...more }, words);
const field = (topic, name, input) => element("label", {}, element("span", {}, text(`${topic}_${name}`)), input);
export const form = (...fields) => element("div", { class: "drawn-form" }, ...fields);

// A parameter that is a number within limits, asked again when it is changed.
export function numberField(topic, name, params, again, limits) {
  const change = ({ target }) => target.reportValidity() && again({ [name]: target.value ? Number(target.value) : undefined });
  return field(topic, name, element("input", { type: "number", id: `${topic}-${name}`, value: params[name] ?? "", step: "any", required: true, ...limits, onchange: change }));
}

// One of several values, each with its words.
export function selectField(topic, name, options, chosen, choose) {
  const made = options.map(([value, words]) => element("option", { value, selected: value === chosen }, words));
  return field(topic, name, element("select", { id: `${topic}-${name}`, onchange: ({ target }) => choose(target.value) }, ...made));
}

export const pipeName = ({ class_code, source_key }) => `${codeName("utility_class", class_code)} ${source_key}`;

// A drawn line as the service takes it in an address, and its corners as marks.
export const asQuery = (line) => line.map(([x, y]) => `${x} ${y}`).join(",");
export const cornersOf = (line) => line.map(([x_m, y_m, z_m]) => ({ x_m, y_m, z_m }));

// What every drawing has: clicks on or off, the last point taken back, and the answer's own buttons.
export function drawingActions({ line }, again, drawer, buttons, begin = "go_on_drawing") {
  const undo = () => again({ line: line.slice(0, -1) });
  return actions(
    button("drawing-on", text(drawer.isOn ? "stop_drawing" : line.length ? "go_on_drawing" : begin), drawer.toggle, { "aria-pressed": String(drawer.isOn) }),
    line.length ? button("undo-point", text("undo_point"), undo) : null,
    ...buttons,
  );
}

export const note = (words) => element("p", { class: "note" }, words);
export const warning = (item, more = "") => element("p", { class: "warning", "data-warning": item.code }, message(item) + more);
export const nameOf = (place) => place.name ?? place.source_key ?? String(place.node_id ?? place.segment_id ?? place.feature_id);

// A titled list; nothing at all when it is empty, unless there are words for that.
export function list(title, items, row, ifEmpty) {
  if (!items.length && !ifEmpty) return [];
  const body = items.length ? element("ol", { class: "places", "data-list": title }, ...items.map(row)) : note(ifEmpty);
  return [element("h3", {}, text(title)), body];
}

// A picture the service draws for staff; a click opens it large.
export function picture(id, path, query) {
  if (isShared) return null;
  const href = addressOf(path, { ...query, language: currentLanguage() });
  return element("a", { class: "section", href, target: "_blank", rel: "noopener" }, element("img", { id, src: href, alt: text(id.replaceAll("-", "_")) }));
}

// A place to fly to, with what is said of it and what can be done with it.
export function placeRow(place, words, flyTo, notes = [], ...doable) {
  const isPlaced = place.x_m !== null && place.x_m !== undefined;
  const fly = () => flyTo([place.x_m, place.y_m, place.z_m ?? undefined]);
  const name = isPlaced ? element("button", { type: "button", class: "place", onclick: fly }, String(words)) : element("span", {}, String(words));
  return element("li", {}, name, ...doable, ...notes.filter(Boolean).map((line) => element("small", {}, line)));
}

export function valveRow(valve, flyTo, notes = [], ...doable) {
  const operability = valve.operability_code && `${attributeLabel("operability_code")}: ${codeName("operability", valve.operability_code)}`;
  const walk = valve.walk_m ?? valve.distance_m;
  const about = [codeName("valve_state", valve.state_code), operability, valve.address, walk === null ? null : metres(walk)];
  return placeRow(valve, nameOf(valve), flyTo, [about.filter(Boolean).join(" · "), ...valve.notes.map(message), ...notes], ...doable);
}

// What can be said with one small button in a row.
export const rowButton = (words, onclick, more = {}) => element("button", { type: "button", class: "row-action", onclick, ...more }, words);

export function tile(kind, count, ...words) {
  return element("li", { class: kind, "data-zone": kind }, element("span", {}, text(kind)), element("b", {}, String(count)), ...words.map((line) => element("small", {}, line)));
}

export const people = (count) => `${count} ${text("people")}`;

// One of several that can be shown, as a row of buttons.
export function choices(label, options, chosen, choose) {
  const made = options.map(([value, ...words]) =>
    element("button", { type: "button", role: "radio", "aria-checked": String(value === chosen), "data-choice": value, onclick: () => choose(value) }, ...words),
  );
  return element("div", { class: "choices", role: "radiogroup", "aria-label": text(label) }, ...made);
}
