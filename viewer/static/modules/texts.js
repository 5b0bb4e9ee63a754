// Every word of the page in the language chosen, and the names of codes and attributes.

import { ANSWERS } from "./words/answers.js";
import { ATTRIBUTES } from "./words/attributes.js";
import { PAGE } from "./words/page.js";

const TEXTS = { ...PAGE, ...ANSWERS };
const TABLE_OF = { class_code: "utility_class", shape_code: "section_shape", size_basis_code: "size_basis", state_code: "valve_state" };
let codes = {};
let language = "zh";

export const setCodes = (tables) => (codes = tables);
export const currentLanguage = () => language;

export function setLanguage(chosen) {
  language = chosen === "en" ? "en" : "zh";
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  for (const element of document.querySelectorAll("[data-placeholder]")) element.placeholder = text(element.dataset.placeholder);
}

const index = () => (language === "zh" ? 1 : 0);
export const text = (key) => TEXTS[key]?.[index()] ?? key;
export const attributeOrder = Object.keys(ATTRIBUTES);
export const attributeLabel = (name) => ATTRIBUTES[name]?.[index()] ?? name;
export const otherLabel = (name) => ATTRIBUTES[name]?.[1 - index()] ?? "";
export const message = (item) => item[`message_${language}`] ?? item.message_en;
export const reason = (item) => item[`reason_${language}`] ?? item.reason_en;

export const outdated = (run) => run[`outdated_${language}`];

export const codesOf = (table) => codes[table] ?? [];

export function codeEntry(table, code) {
  return codes[table]?.find((entry) => entry.code === code);
}

export function codeName(table, code) {
  return codeEntry(table, code)?.[`name_${language}`] ?? code;
}

export function attributeValue(kind, name, value) {
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toFixed(3)));
  if (!name.endsWith("_code")) return String(value);
  const table = name === "kind_code" ? `${kind}_kind` : (TABLE_OF[name] ?? name.slice(0, -"_code".length));
  return codeName(table, value);
}

export const metres = (value) => `${value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: value < 100 ? 2 : 0 })} m`;
