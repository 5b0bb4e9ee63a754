// What lies nearest to a clicked place: the so many nearest pipes in space below the ground there, all of them or those within a radius;
// under an agreement, which may show no depths, those within a radius in plan.

import { isShared } from "../access.js";
import { paint } from "../looks.js";
import { cornersOf, drawingActions, form, heading, list, note, numberField, pipeName, placeRow } from "../pieces.js";
import { metres, text } from "../texts.js";
import { sizeOf } from "./section.js";

export const NEW_PLACE = isShared ? { line: [], count: 100, radius_m: 20 } : { line: [], count: 10, depth_m: 1 };

export const nearbyQuery = ({ line: [[x, y, z]], count, depth_m, radius_m }) => ({ x, y, ...(isShared ? {} : { z: z - depth_m }), ...(radius_m ? { radius_m, limit: count } : { count }) });

export const drawing = ({ question: { line }, features }) => ({
  segments: features.length ? paint({ told: features.map(({ id }) => id) }) : null,
  marks: { corners: cornersOf(line) },
});

export function panel({ features, unknownElevation: unknown }, { question: { params }, again, flyTo, buttons, drawer }) {
  return [
    heading(text("nearby_title"), features.length ? metres(features[0].properties.distance_m) : ""),
    form(
      numberField("nearby", "count", params, again, { step: 1, min: 1, max: 100 }),
      isShared ? null : numberField("nearby", "depth_m", params, again, { min: 0, max: 100 }),
      numberField("nearby", "radius_m", params, again, { min: 0.1, max: 1000, required: isShared }),
    ),
    drawingActions(params, again, drawer, buttons),
    drawer.isOn ? note(text("click_a_place")) : null,
    ...list(isShared ? "nearby_in_plan" : "nearby_pipes", features, (feature) => row(feature, flyTo), params.line.length ? text("nearby_none") : null),
    unknown ? note(text("nearby_unknown").replace("{count}", unknown)) : null,
  ];
}

function row({ properties, geometry }, flyTo) {
  const [x_m, y_m, z_m] = geometry.coordinates[Math.floor(geometry.coordinates.length / 2)];
  const about = [metres(properties.distance_m), sizeOf(properties), properties.owner ?? text("owner_unknown")];
  return placeRow({ x_m, y_m, z_m }, pipeName(properties), flyTo, [about.filter(Boolean).join(" · ")]);
}
