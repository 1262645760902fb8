/** Keyboard: which key presses are meant for a page, and where they lead in a list. */

/** @type {Record<string, (index: number, count: number) => number>} */
const MOVES = {
  ArrowLeft: (index) => index - 1,
  ArrowUp: (index) => index - 1,
  ArrowRight: (index) => index + 1,
  ArrowDown: (index) => index + 1,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/**
 * Says whether a key press belongs to somebody else: a field, an input method composing
 * Vietnamese (Telex), or a shortcut of the browser.
 * @param {KeyboardEvent} event
 */
export function isTaken(event) {
  const inField = event.target instanceof Element && event.target.closest("input, select, textarea");
  return event.isComposing || event.ctrlKey || event.metaKey || event.altKey || inField !== null;
}

/**
 * Returns the index a key leads to, or null for any other key.
 * @param {string} key
 * @param {number} index
 * @param {number} count
 */
export function moved(key, index, count) {
  const move = MOVES[key];
  return move ? Math.min(Math.max(move(index, count), 0), count - 1) : null;
}
