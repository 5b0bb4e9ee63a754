// The answer to a burst: the plan and what it rests on, the plans should a valve fail, what can be given back.

import { addressOf } from "../api.js";
import { element } from "../dom.js";
import { paint } from "../looks.js";
import { actions, button, choices, heading, list, nameOf, note, people, placeRow, rowButton, warning } from "../pieces.js";
import { codeEntry, codeName, currentLanguage, metres, text } from "../texts.js";
import { effectMarks, pairParts, pressureParts, tierParts } from "./effects.js";
import { criticalRow, hydrantLists, peopleLost, planMarks, sourceLists, valveList, zoneTiles } from "./plan.js";

const letter = (index) => String.fromCharCode(65 + (index % 26));
const shownPlan = (answer, choice) => answer.alternatives[choice.plan]?.plan ?? answer;
const neighboursOf = (answer) => answer.surroundings?.neighbours ?? [];

export function drawing(answer, choice) {
  const plan = shownPlan(answer, choice);
  const isFirst = plan === answer;
  return {
    segments: paint({
      near: neighboursOf(answer).map((one) => one.segment_id),
      already_dry: answer.already_dry_segment_ids,
      dry: plan.dry_segment_ids,
      isolated: plan.isolated_segment_ids,
      regained: isFirst ? (answer.back_feeds[choice.backFeed]?.segment_ids ?? []) : [],
    }),
    marks: {
      ...planMarks(plan),
      burst: answer.burst,
      outlets: answer.drainage.outlets,
      ...(isFirst ? effectMarks(answer, choice.pressure) : {}),
      hydrants_fed: isFirst ? fedHydrants(answer) : [],
      back_feeds: isFirst ? answer.back_feeds.map(({ valve }, index) => ({ ...valve, text: letter(index) })) : [],
    },
    frame: frameOf(answer, plan, isFirst && answer.back_feeds[choice.backFeed]),
  };
}

function frameOf(answer, plan, backFeed) {
  if (backFeed) return { segmentIds: backFeed.segment_ids, places: [backFeed.valve, ...answer.burst] };
  return { segmentIds: plan.isolated_segment_ids, places: plan.valves_to_close };
}

function fedHydrants(answer) {
  const fed = [...answer.nearest_hydrants, ...answer.hydrants_lost.map((hydrant) => hydrant.nearest_fed)];
  return [...new Map(fed.filter(Boolean).map((hydrant) => [hydrant.node_id, hydrant])).values()];
}

export function panel(answer, { question, choice, choose, again, consult, flyTo, buttons }) {
  const plan = shownPlan(answer, choice);
  const isFirst = plan === answer;
  const cannotClose = (valve) => [rowButton(text("cannot_close"), () => again({ inaccessible: [...question.params.inaccessible, valve.node_id] }, valve), { "data-stuck": valve.node_id })];
  const title = answer.burst.map(nameOf).join(", ");
  return [
    heading(text("burst_title"), title, answer.burst[0]?.class_code),
    actions(sheetLink(answer, question), pressureButton(answer, choice, consult), ...buttons),
    ...toldOfValves(question, again),
    ...planChoices(answer, choice, choose),
    zoneTiles(plan, isFirst ? answer.already_dry_segment_ids : null),
    ...peopleLost(plan),
    ...(isFirst ? answer.warnings.map((one) => warning(one)) : []),
    ...list("critical", plan.consumers.critical, (consumer) => criticalRow(consumer, flyTo)),
    ...valveList("valves_to_close", plan.valves_to_close, flyTo, { ...(isFirst ? { notes: insteadOf(answer), doable: cannotClose } : {}), ifEmpty: text("no_valves") }),
    ...sourceLists(plan, flyTo),
    ...valveList("relied_on", plan.closed_valves_relied_on, flyTo),
    ...(isFirst ? besidesThePlan(answer, question, choice, { choose, again, flyTo }) : hydrantLists(plan, [], flyTo)),
  ];
}

// What to close instead of a valve of the plan that will not turn.
function insteadOf({ fallbacks }) {
  const words = ({ close, sources_to_shut, consumers, people: count }) => {
    const names = [...close, ...sources_to_shut].map(nameOf).join(", ");
    return text(names ? "fallback" : "fallback_none").replace("{close}", names).replace("{lost}", `${consumers} ${text("consumers")} · ${people(count)}`);
  };
  const keyOf = ({ node_id, segment_id }) => `${node_id}@${segment_id}`;
  const told = new Map(fallbacks.map((one) => [keyOf(one.valve), words(one)]));
  return (valve) => [told.get(keyOf(valve))];
}

// The burst as a page to print, in the language shown.
function sheetLink({ version }, { params }) {
  const href = addressOf("/burst/sheet", { ...params, version, language: currentLanguage() });
  return element("a", { class: "button main", id: "print-sheet", href, target: "_blank", rel: "noopener" }, text("print_sheet"));
}

// A model knows the pressures of water alone.
function pressureButton({ burst }, { pressure }, consult) {
  const isWater = codeEntry("utility_class", burst[0]?.class_code)?.group === "water";
  return isWater && !pressure ? button("check-pressure", text("check_pressure"), () => consult("pressure", "/api/trace/pressure")) : null;
}

// What the user has said of valves, each to be taken back.
function toldOfValves({ params, names }, again) {
  const chip = (told, id) => {
    const words = `${names[id] ?? id} ${text(`told_${told}`)} ×`;
    return button(`untell-${id}`, words, () => again({ [told]: params[told].filter((other) => other !== id) }), { class: "chip", "data-told": told });
  };
  const chips = ["inaccessible", "opened"].flatMap((told) => params[told].map((id) => chip(told, id)));
  return chips.length ? [element("div", { class: "chips" }, ...chips)] : [];
}

function planChoices(answer, choice, choose) {
  if (!answer.alternatives.length) return [];
  const worth = ({ consumers }) => element("small", {}, ` ${consumers.count} ${text("consumers")} · ${people(consumers.people)}`);
  const options = answer.alternatives.map(({ outcome, valves, plan }, index) => [index, text(`if_${outcome}`).replace("{valves}", valves.map(nameOf).join(", ")), worth(plan)]);
  const chosen = answer.alternatives[choice.plan] ? choice.plan : -1;
  const leftOut = answer.alternatives_left_out ? note(`${text("left_out")} ${answer.alternatives_left_out}`) : null;
  return [choices("plans", [[-1, text("first_plan"), worth(answer)], ...options], chosen, (index) => choose({ plan: index })), leftOut];
}

function besidesThePlan(answer, question, choice, { choose, again, flyTo }) {
  return [
    ...backFeeds(answer, question, choice, choose, again),
    ...tierParts(answer.tiers, flyTo),
    ...pairParts(answer.pair, flyTo),
    ...hydrantLists(answer, answer.nearest_hydrants, flyTo),
    ...list("pumps_to_stop", answer.pumps_to_stop, (place) => placeRow(place, nameOf(place), flyTo, [place.address])),
    ...list("sources_not_refilled", answer.sources_not_refilled, (place) => placeRow(place, nameOf(place), flyTo, [place.address])),
    ...pressureParts(choice.pressure, flyTo),
    ...drainage(answer.drainage, flyTo),
    ...surroundings(answer.surroundings, flyTo),
  ];
}

function backFeeds(answer, { params }, choice, choose, again) {
  const row = (one, index) => {
    const show = () => choose({ backFeed: choice.backFeed === index ? -1 : index });
    const name = element("button", { type: "button", class: "place", "aria-pressed": String(choice.backFeed === index), onclick: show }, `${letter(index)} ${nameOf(one.valve)}`);
    const open = rowButton(text("open_it"), () => again({ opened: [...params.opened, one.valve.node_id] }, one.valve), { "data-open": one.valve.node_id });
    const also = one.also_close.length ? `${text("also_close")} ${one.also_close.map(nameOf).join(", ")}` : null;
    const critical = one.critical.filter(Boolean).join(", ");
    const gain = `${text("gives_back")} ${one.consumers} ${text("consumers")} · ${people(one.people)} · ${metres(one.length_m)}`;
    return element("li", {}, name, open, ...[gain, critical, one.valve.address, also].filter(Boolean).map((line) => element("small", {}, line)));
  };
  return list("back_feeds", answer.back_feeds, row, text(answer.dry_segment_ids.length ? "no_back_feed" : "none_dry"));
}

function drainage({ volume_m3, assumed_m3, unknown_length_m, outlets }, flyTo) {
  const volume = `${volume_m3.toFixed(1)} m³`;
  const doubts = [
    assumed_m3 > 0 ? text("drain_assumed").replace("{volume}", assumed_m3.toFixed(1)) : null,
    unknown_length_m > 0 ? text("drain_unknown").replace("{length}", metres(unknown_length_m)) : null,
  ];
  return [
    element("h3", {}, text("drainage")),
    element("p", { class: "line", id: "drainage" }, volume, ...doubts.filter(Boolean).map((words) => element("small", {}, words))),
    ...list("outlets", outlets, (place) => placeRow(place, nameOf(place), flyTo, [place.address])),
  ];
}

function surroundings(around, flyTo) {
  if (!around) return [];
  const row = (one) => {
    const where = one.is_height_known ? metres(one.distance_m) : `${metres(one.distance_m)} (${text("in_plan")})`;
    const telephone = around.telephones[one.owner];
    const owner = (one.owner ?? text("owner_unknown")) + (telephone ? ` ☎ ${telephone}` : "");
    return placeRow(one, `${codeName("utility_class", one.class_code)} ${nameOf(one)}`, flyTo, [`${where} · ${owner}`]);
  };
  const [title, none] = [text("near_it"), text("nothing_near")].map((words) => words.replace("{radius}", metres(around.radius_m)));
  if (!around.neighbours.length) return [element("h3", {}, title), note(none)];
  return [element("h3", {}, title), element("ol", { class: "places", "data-list": "near_it" }, ...around.neighbours.map(row))];
}
