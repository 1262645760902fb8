/** In which order frames are read ahead: outward from each place on screen, panes by turns. Pure. */

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Stack} Stack */

/** Forward comes first, as people scroll down; so many ahead for one behind. */
const FORWARD = 2;

/**
 * @param {{stack: Stack, index: number}[]} shown  the active pane first
 * @returns {Frame[]}
 */
export function wishes(shown) {
  const queues = shown.map(({ stack, index }) => outward(stack.frames, index));
  /** @type {Set<Frame>} */
  const found = new Set();
  const longest = Math.max(0, ...queues.map(({ length }) => length));
  for (let n = 0; n < longest; n += 1) {
    for (const queue of queues) if (queue[n]) found.add(queue[n]);
  }
  return [...found];
}

/**
 * @param {Frame[]} frames
 * @param {number} index
 * @returns {Frame[]}
 */
export function outward(frames, index) {
  const ordered = frames.slice(index, index + 1);
  let [after, before] = [index + 1, index - 1];
  while (after < frames.length || before >= 0) {
    for (let n = 0; n < FORWARD && after < frames.length; n += 1, after += 1) ordered.push(frames[after]);
    if (before >= 0) ordered.push(frames[before]);
    before -= 1;
  }
  return ordered;
}
