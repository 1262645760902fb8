/** Asks for a short text in a dialog of the page: browsers' own prompts break Vietnamese typing in frames. */

/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

const MOST = 64;

/**
 * @param {T} t
 * @param {string} text  to begin with
 * @returns {Promise<string>}  empty: nothing
 */
export function askText(t, text) {
  const dialog = document.createElement("dialog");
  dialog.className = "read-dialog";
  const form = document.createElement("form");
  form.method = "dialog";
  const label = document.createElement("label");
  const name = document.createElement("span");
  name.textContent = t("read.arrow.text");
  const input = Object.assign(document.createElement("input"), { value: text, maxLength: MOST, autofocus: true });
  label.append(name, input);
  form.append(label, button(t("read.ok"), "ok", "main"), button(t("read.cancel"), "", ""));
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "ok" ? input.value.trim() : "");
    });
  });
}

/**
 * @param {string} text
 * @param {string} value
 * @param {string} className
 */
function button(text, value, className) {
  return Object.assign(document.createElement("button"), { textContent: text, value, className });
}
