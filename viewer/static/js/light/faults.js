/** What went wrong, in the place where it did, and what to do about it. */
import { Trouble } from "../lib/trouble.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {import("./pane.js").Pane} Pane */

/** Kinds that may be gone by themselves. */
const PASSING = ["offline", "busy", "expired"];

/**
 * Says in a pane why its image is not there; an expired session is asked to be renewed first.
 * @param {Viewer} viewer
 * @param {Pane} pane
 * @param {Trouble} trouble
 */
export async function explain(viewer, pane, trouble) {
  const { t } = viewer;
  sayIn(pane.element, t(`trouble.${trouble.kind}`), [
    ...(PASSING.includes(trouble.kind) ? [button(t("viewer.retry"), () => pane.load())] : []),
    ...(trouble.kind === "unreadable" && pane.frame ? [download(pane.frame.address, t("viewer.download"))] : []),
  ]);
  if (trouble.kind === "expired" && (await renewed(viewer))) viewer.retry();
}

/**
 * Asks for the password again, once however many frames fail; returns whether the session goes on.
 * @param {Viewer} viewer
 */
export async function renewed({ t, root }) {
  const { renewSession } = await import("../lib/session.js");
  return renewSession(t, { user: root.dataset.user ?? "", guest: root.dataset.guest !== undefined });
}

/**
 * @param {HTMLElement} element  a pane, or what holds one
 * @param {string} sentence
 * @param {HTMLElement[]} [what]  to do about it
 */
export function sayIn(element, sentence, what = []) {
  const fault = /** @type {HTMLElement} */ (element.querySelector(".fault"));
  const text = document.createElement("p");
  text.setAttribute("role", "alert");
  text.textContent = sentence;
  fault.replaceChildren(text, ...what);
}

/**
 * @param {string} text
 * @param {() => void} act
 */
export function button(text, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = text;
  element.addEventListener("click", act);
  return element;
}

/**
 * @param {string} address  of an instance
 * @param {string} text
 */
export function download(address, text) {
  const link = document.createElement("a");
  link.className = "button";
  link.href = `${address}?accept=${encodeURIComponent("application/dicom;transfer-syntax=*")}`;
  link.download = "";
  link.textContent = text;
  return link;
}
