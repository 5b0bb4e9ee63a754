// Planned shut-downs: the cuts with their times, and what each stretch of time takes from whom.

import { element } from "../dom.js";
import { paint } from "../looks.js";
import { actions, heading, list, note, people, rowButton, warning } from "../pieces.js";
import { text } from "../texts.js";
import { criticalRow, hydrantLists, peopleLost, planMarks, sourceLists, valveList, zoneTiles } from "./plan.js";

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const NIGHT_MINUTES = 7 * 60;

// Times are the clock on the wall, without a zone; reckoned in minutes.
const minutesOf = (moment) => Date.parse(`${moment.slice(0, 16)}Z`) / MINUTE_MS;
const momentOf = (minutes) => new Date(minutes * MINUTE_MS).toISOString().slice(0, 16);
const words = (moment) => new Date(minutesOf(moment) * MINUTE_MS).toLocaleString(document.documentElement.lang, { timeZone: "UTC", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false });

// A cut of a night: tomorrow's for the first, further ones as the one before.
export function newCut(segmentId, key, before) {
  const tomorrow = (Math.floor(Date.now() / MINUTE_MS / DAY_MINUTES) + 1) * DAY_MINUTES;
  const start = tomorrow + DAY_MINUTES - 2 * 60;
  const { starts_at, ends_at } = before ?? { starts_at: momentOf(start), ends_at: momentOf(start + NIGHT_MINUTES) };
  return { name: key, starts_at, ends_at, segment_ids: [segmentId] };
}

// One end moved; the other goes along where the cut would otherwise end before it begins.
function moved(cut, name, moment) {
  const length = minutesOf(cut.ends_at) - minutesOf(cut.starts_at);
  const changed = { ...cut, [name]: moment };
  if (minutesOf(changed.ends_at) > minutesOf(changed.starts_at)) return changed;
  const other = name === "starts_at" ? { ends_at: momentOf(minutesOf(moment) + length) } : { starts_at: momentOf(minutesOf(moment) - length) };
  return { ...changed, ...other };
}

const shownInterval = (answer, choice) => answer.intervals[Math.min(choice.interval ?? 0, answer.intervals.length - 1)];

export function drawing(answer, choice) {
  const interval = shownInterval(answer, choice);
  const { plan, only_together: joint } = interval;
  return {
    segments: paint({ dry: plan.dry_segment_ids, isolated: plan.isolated_segment_ids, only_together: joint.segment_ids }),
    marks: planMarks(plan),
    frame: { segmentIds: [...plan.isolated_segment_ids, ...plan.dry_segment_ids], places: plan.valves_to_close },
  };
}

export function panel(answer, { question, choice, choose, again, flyTo, buttons }) {
  const interval = shownInterval(answer, choice);
  const { cuts } = question.params;
  const change = (index, changes) => again({ cuts: cuts.map((cut, other) => (other === index ? { ...cut, ...changes } : cut)) });
  const remove = (index) => again({ cuts: cuts.filter((_, other) => other !== index) });
  return [
    heading(text("shutdown_title"), text("shutdown_cuts").replace("{count}", cuts.length)),
    actions(...buttons),
    timeline(answer, question, interval, choose),
    element("ol", { class: "cuts" }, ...cuts.map((cut, index) => cutRow(cut, index, change, cuts.length > 1 && remove))),
    note(text("shutdown_how")),
    ...intervalParts(interval, flyTo),
  ];
}

function cutRow(cut, index, change, remove) {
  const time = (name) =>
    element("label", {}, element("span", {}, text(name)), element("input", { type: "datetime-local", id: `cut-${index}-${name}`, value: cut[name].slice(0, 16), "data-cut": name, onchange: (event) => event.target.value && change(index, moved(cut, name, event.target.value)) }));
  const name = element("input", { type: "text", id: `cut-${index}-name`, value: cut.name, "aria-label": text("cut_name"), maxlength: 200, onchange: (event) => event.target.value.trim() && change(index, { name: event.target.value.trim() }) });
  return element("li", { class: "cut" }, name, remove ? rowButton("×", () => remove(index), { "aria-label": text("remove"), "data-remove": index }) : null, time("starts_at"), time("ends_at"));
}

// All cuts on one line of time, and a slider over the stretches between which something changes.
function timeline(answer, { params: { cuts } }, interval, choose) {
  const [first, last] = [Math.min(...cuts.map((cut) => minutesOf(cut.starts_at))), Math.max(...cuts.map((cut) => minutesOf(cut.ends_at)))];
  const share = (moment) => (100 * (minutesOf(moment) - first)) / Math.max(last - first, 1);
  const bar = ({ starts_at, ends_at }, kind, label) => element("i", { class: kind, title: label, style: `left:${share(starts_at)}%;width:${share(ends_at) - share(starts_at)}%` }, label ?? "");
  const shown = answer.intervals.indexOf(interval);
  const slide = (event) => choose({ interval: Number(event.target.value) });
  return element(
    "div",
    { class: "timeline" },
    ...cuts.map((cut) => element("div", { class: "track" }, bar(cut, interval.cuts.includes(cut.name) ? "cut-bar now" : "cut-bar", cut.name))),
    element("div", { class: "track stretches" }, ...answer.intervals.map((one) => bar(one, one === interval ? "stretch now" : "stretch"))),
    element("input", { type: "range", id: "interval", min: 0, max: answer.intervals.length - 1, step: 1, value: shown, "aria-label": text("interval"), "aria-valuetext": words(interval.starts_at), onchange: slide }),
    element("p", { class: "line", id: "interval-words" }, `${shown + 1}/${answer.intervals.length}  ${words(interval.starts_at)} → ${words(interval.ends_at)}`, element("small", {}, interval.cuts.join(" + "))),
  );
}

function intervalParts(interval, flyTo) {
  const { plan, only_together: joint } = interval;
  return [
    zoneTiles(plan),
    ...peopleLost(plan),
    interval.cuts.length > 1 ? jointEffect(joint) : null,
    ...interval.warnings.map((one) => warning(one)),
    ...list("critical", plan.consumers.critical, (consumer) => criticalRow(consumer, flyTo)),
    ...valveList("close_at_start", interval.close_at_start, flyTo),
    ...valveList("valves_to_close", plan.valves_to_close, flyTo, { ifEmpty: text("no_valves") }),
    ...sourceLists(plan, flyTo),
    ...valveList("relied_on", plan.closed_valves_relied_on, flyTo),
    ...valveList("reopen_at_end", interval.reopen_at_end, flyTo),
    ...hydrantLists(plan, [], flyTo),
  ];
}

function jointEffect({ consumers, segment_ids }) {
  if (!segment_ids.length && !consumers.count) return note(text("no_joint_effect"));
  const effect = `${segment_ids.length} ${text("segments")} · ${consumers.count} ${text("consumers")} · ${people(consumers.people)}`;
  return element("p", { class: "warning", id: "joint-effect" }, `${text("joint_effect")} ${effect}`);
}
