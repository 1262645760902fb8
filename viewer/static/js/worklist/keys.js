/** Keys of the list: rows by arrows, `/` searches, n and p turn pages; none while Vietnamese is composed. */
import { isTaken, moved } from "../lib/keys.js";
import { keysAreOff } from "../light/keys.js";

/** @type {Record<string, string>} */
const PAGES = { n: "a[rel=next]", p: "a[rel=prev]" };

/** Starts to listen. */
export function listenToKeys() {
  document.addEventListener("keydown", (event) => {
    if (leavesSearch(event) || isTaken(event)) return;
    if (alongRows(event) || keysAreOff()) return;
    if (event.key === "/") {
      event.preventDefault();
      search()?.select();
    }
    const link = document.querySelector(PAGES[event.key] ?? "a.none");
    if (link instanceof HTMLAnchorElement) link.click();
  });
}

/**
 * From the search box the arrow down leads to the rows that it found.
 * @param {KeyboardEvent} event
 */
function leavesSearch(event) {
  if (event.key !== "ArrowDown" || event.isComposing || event.target !== search()) return false;
  event.preventDefault();
  rows()[0]?.focus();
  return true;
}

/** @param {KeyboardEvent} event */
function alongRows(event) {
  const links = rows();
  const here = links.findIndex((link) => link === document.activeElement);
  const sideways = event.key === "ArrowLeft" || event.key === "ArrowRight";
  const next = here < 0 || sideways ? null : moved(event.key, here, links.length);
  if (next === null) return false;
  event.preventDefault();
  links[next].focus();
  return true;
}

/** @returns {HTMLAnchorElement[]} */
function rows() {
  return Array.from(document.querySelectorAll("a.row-link"));
}

/** @returns {HTMLInputElement | null} */
function search() {
  return document.querySelector("input[type=search]");
}
