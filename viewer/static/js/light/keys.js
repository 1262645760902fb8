/** Keys of the viewer, as other viewers have them; none fires in a field or while Vietnamese is composed. */
import { isTaken } from "../lib/keys.js";
import { presetOf } from "./acts.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */

const OFF = "keys-off";

/** Keys and what they do: an act, or with a colon a tool. */
export const KEYS = Object.freeze({
  ArrowUp: "previous",
  ArrowDown: "next",
  ArrowLeft: "paneBefore",
  ArrowRight: "paneAfter",
  Home: "first",
  End: "last",
  PageUp: "stackBefore",
  PageDown: "stackAfter",
  i: "invert",
  h: "flip",
  v: "flipDown",
  r: "rotate",
  l: "rotateBack",
  "+": "larger",
  "-": "smaller",
  "=": "fit",
  0: "actual",
  c: "cine",
  " ": "reset",
  Escape: "cancel",
  Backspace: "erase",
  Delete: "erase",
  t: "two",
  s: "sync",
  u: "overlays",
  f: "full",
  ".": "brighter",
  ",": "darker",
  "]": "harder",
  "[": "softer",
  m: "more",
  "?": "help",
  w: ":window",
  g: ":scroll",
  z: ":zoom",
  p: ":pan",
  d: ":ruler",
  a: ":angle",
});

/** Whether somebody turned the keys off, as those do who speak to their computer (WCAG 2.1.4). */
export function keysAreOff() {
  return localStorage.getItem(OFF) === "1";
}

/** @param {boolean} off */
export function turnKeys(off) {
  if (off) localStorage.setItem(OFF, "1");
  else localStorage.removeItem(OFF);
}

/** @param {Viewer} viewer */
export function listenToKeys(viewer) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.isComposing) return;
    if (undoes(viewer, event) || (!isTaken(event) && pressed(viewer, event))) event.preventDefault();
  });
}

/**
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 */
function undoes(viewer, event) {
  const name = { z: "undo", y: "redo" }[event.key.toLowerCase()];
  if (!name || !viewer.measures || !(event.ctrlKey || event.metaKey)) return false;
  viewer.act(name);
  return true;
}

/**
 * Does what a key is for; returns whether it is for anything.
 * @param {Viewer} viewer
 * @param {KeyboardEvent} event
 */
function pressed(viewer, event) {
  const { key, target } = event;
  const onControl = target instanceof Element && target.closest("a, button, summary") !== null;
  // Space and the like belong to the button that has the focus.
  if (onControl && (key === " " || key === "Enter")) return false;
  if (keysAreOff() && key.length === 1) return false;
  const name = key.length === 1 ? key.toLowerCase() : key;
  if (/^[1-9]$/.test(name)) {
    presetOf(viewer, name);
    return true;
  }
  const does = /** @type {Record<string, string>} */ (KEYS)[name] ?? "";
  if (does.startsWith(":")) viewer.choose(does.slice(1));
  else if (does) viewer.act(does);
  return does !== "";
}
