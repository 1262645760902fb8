/** The sheet of keys and gestures behind `?`, and the switch that turns the keys off. */
import { KEYS, keysAreOff, turnKeys } from "./keys.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

/** Keys that read better by a sign. */
/** @type {Record<string, string>} */
const SIGNS = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", PageUp: "PgUp", PageDown: "PgDn", Escape: "Esc", " ": "Space" };
const GESTURES = ["mouse", "touch"];

/** @param {Viewer} viewer */
export function showHelp({ t }) {
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  dialog.setAttribute("aria-labelledby", "sheet-title");
  const title = element("h2", t("viewer.help.title"));
  title.id = "sheet-title";
  const close = element("button", "✕");
  close.setAttribute("aria-label", t("viewer.help.close"));
  close.addEventListener("click", () => dialog.close());
  dialog.append(close, title, ...GESTURES.map((name) => element("p", t(`viewer.help.${name}`))), keyList(t), keySwitch(t));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {Viewer["t"]} t */
function keyList(t) {
  /** @type {Map<string, string[]>} */
  const byAct = new Map();
  for (const [key, act] of Object.entries({ ...KEYS, "1–9": "preset", n: "studyAfter", b: "studyBefore" })) {
    byAct.set(act, [...(byAct.get(act) ?? []), SIGNS[key] ?? key]);
  }
  const list = element("dl");
  for (const [act, keys] of byAct) {
    const line = element("div");
    const term = element("dt");
    keys.forEach((key) => term.append(element("kbd", key)));
    line.append(term, element("dd", t(`viewer.act.${act.replace(":", "")}`)));
    list.append(line);
  }
  return list;
}

/** @param {Viewer["t"]} t */
function keySwitch(t) {
  const label = element("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = keysAreOff();
  box.addEventListener("change", () => turnKeys(box.checked));
  label.className = "choice";
  label.append(box, element("span", t("viewer.help.keys_off")));
  return label;
}

/**
 * @param {string} name
 * @param {string} [text]
 */
function element(name, text = "") {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
