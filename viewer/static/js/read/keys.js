/** Keys of the reading viewer, as other viewers have them; none fires in a field or while Vietnamese is composed. */
import { isTaken } from "../lib/keys.js";
import { PRESETS } from "../lib/voi.js";
import { act } from "./acts.js";
import { choosePreset } from "./bar.js";

/** @typedef {import("./reader.js").Reader} Reader */

/** Set by people who speak to their computer (WCAG 2.1.4); the light viewer has the switch. */
const OFF = "keys-off";

/** Keys and what they do: an act, or with a colon a tool. Capitals are keys with Shift. */
/** @type {Readonly<Record<string, string>>} */
export const KEYS = Object.freeze({
  ArrowUp: "previous",
  ArrowDown: "next",
  Home: "first",
  End: "last",
  PageUp: "seriesBefore",
  PageDown: "seriesAfter",
  ArrowLeft: "paneBefore",
  ArrowRight: "paneAfter",
  i: "invert",
  h: "flip",
  v: "flipDown",
  r: "rotate",
  l: "rotateBack",
  "+": "larger",
  "-": "smaller",
  "=": "fit",
  0: "actual",
  " ": "reset",
  c: "cine",
  s: "sync",
  x: "lines",
  u: "overlays",
  k: "key",
  m: "mpr",
  n: "nextStudy",
  b: "previousStudy",
  Escape: "cancel",
  Backspace: "erase",
  Delete: "erase",
  "?": "help",
  w: ":window",
  z: ":zoom",
  p: ":pan",
  g: ":magnify",
  d: ":length",
  a: ":angle",
  A: ":cobb",
  o: ":ellipse",
  O: ":rectangle",
  f: ":freehand",
  q: ":probe",
  t: ":arrow",
});

/** @type {Readonly<Record<string, string>>} */
export const WITH_CONTROL = Object.freeze({ z: "undo", y: "redo", s: "save" });

/** @param {Reader} reader */
export function listenToKeys(reader) {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    if (withControl(reader, event) || (!isTaken(event) && pressed(reader, event))) event.preventDefault();
  });
}

/**
 * @param {Reader} reader
 * @param {KeyboardEvent} event
 */
function withControl(reader, { key, target, ctrlKey, metaKey }) {
  const name = WITH_CONTROL[key.toLowerCase()];
  const inField = target instanceof Element && target.closest("input, textarea") !== null;
  if (!name || inField || !(ctrlKey || metaKey)) return false;
  act(reader, name);
  return true;
}

/**
 * Does what a key is for; returns whether it is for anything.
 * @param {Reader} reader
 * @param {KeyboardEvent} event
 */
function pressed(reader, { key, target }) {
  const onControl = target instanceof Element && target.closest("a, button, summary") !== null;
  // Space belongs to the button that has the focus.
  if (onControl && key === " ") return false;
  if (key.length === 1 && localStorage.getItem(OFF) === "1") return false;
  if (/^[1-9]$/.test(key)) return preset(reader, key);
  const does = KEYS[key] ?? KEYS[key.toLowerCase()] ?? "";
  if (does.startsWith(":")) reader.choose(does.slice(1));
  else if (does) act(reader, does);
  return does !== "";
}

/**
 * Chooses the window of a digit: for CT the presets, for all others those of the header.
 * @param {Reader} reader
 * @param {string} digit
 */
function preset(reader, digit) {
  const { active } = reader;
  const ct = active.stack?.series.modality === "CT";
  const found = ct ? PRESETS.find(({ key }) => key === digit) : active.frame?.windows[Number(digit) - 1];
  if (found && active.frame?.stored) choosePreset(reader, `${found.center},${found.width}`);
  return true;
}
