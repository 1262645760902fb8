/** The sheet of keys and gestures behind `?`. */
import { KEYS, WITH_CONTROL } from "./keys.js";
import { made } from "./panel.js";

/** @typedef {import("./reader.js").Reader} Reader */

/** Keys that read better by a sign. */
/** @type {Record<string, string>} */
const SIGNS = { ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", PageUp: "PgUp", PageDown: "PgDn", Escape: "Esc", " ": "Space", A: "⇧A", O: "⇧O", Backspace: "⌫", Delete: "Del" };

/** @param {Reader} reader */
export function showHelp({ t }) {
  const dialog = made("dialog", { className: "read-dialog read-help" });
  dialog.setAttribute("aria-labelledby", "help-title");
  const list = made("dl", {});
  for (const [key, does] of Object.entries(KEYS)) list.append(line(SIGNS[key] ?? key.toUpperCase(), textOf(does, t)));
  list.append(line("1–9", t("read.help.presets")));
  for (const [key, does] of Object.entries(WITH_CONTROL)) list.append(line(`Ctrl+${key.toUpperCase()}`, textOf(does, t)));
  const close = made("button", { type: "button", className: "main", textContent: t("read.close") });
  close.addEventListener("click", () => dialog.close());
  dialog.append(made("h2", { id: "help-title", textContent: t("read.act.help") }), list, made("p", { textContent: t("read.help.mouse") }), made("p", { textContent: t("read.help.touch") }), close);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
}

/**
 * @param {string} does
 * @param {ReturnType<typeof import("../lib/texts.js").pageTexts>} t
 */
function textOf(does, t) {
  return does.startsWith(":") ? t(`read.tool.${does.slice(1)}`) : t(`read.act.${does}`);
}

/**
 * @param {string} key
 * @param {string} text
 */
function line(key, text) {
  const row = made("div", {});
  const term = made("dt", {});
  term.append(made("kbd", { textContent: key }));
  row.append(term, made("dd", { textContent: text }));
  return row;
}
