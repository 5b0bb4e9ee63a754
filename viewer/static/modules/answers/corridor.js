// What lies along a drawn line, within so many metres to either side, in the order in which the line meets it.

import { paint } from "../looks.js";
import { cornersOf, drawingActions, form, heading, list, note, numberField, pipeName, placeRow } from "../pieces.js";
import { metres, text } from "../texts.js";
import { sizeOf } from "./section.js";

export const NEW_CORRIDOR = { line: [], half_width_m: 5 };

export const drawing = ({ question: { line }, features }) => ({
  segments: features.length ? paint({ told: features.map(({ id }) => id) }) : null,
  marks: { corners: cornersOf(line) },
  sketch: { axis: [], corridor: line },
});

export function panel({ features, is_waiting: isWaiting, more }, { question: { params }, again, flyTo, buttons, drawer }) {
  return [
    heading(text("corridor_title"), isWaiting ? "" : `${features.length}${more ? "+" : ""}`),
    form(numberField("corridor", "half_width_m", params, again, { min: 0.1, max: 1000 })),
    drawingActions(params, again, drawer, buttons),
    drawer.isOn ? note(text("click_a_line")) : null,
    ...(isWaiting ? [] : list("corridor_pipes", features, (feature) => row(feature, flyTo), text("corridor_none"))),
  ];
}

function row({ properties, geometry }, flyTo) {
  const [x_m, y_m, z_m] = geometry.coordinates[Math.floor(geometry.coordinates.length / 2)];
  const { station_m: station, distance_m: aside, owner } = properties;
  const place = text("corridor_place").replace("{station}", metres(station)).replace("{aside}", metres(aside));
  return placeRow({ x_m, y_m, z_m }, pipeName(properties), flyTo, [[place, sizeOf(properties), owner ?? text("owner_unknown")].filter(Boolean).join(" · ")]);
}
