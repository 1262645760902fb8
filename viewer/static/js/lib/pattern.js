/**
 * A test pattern for displays, by the geometry of SMPTE RP 133 and AAPM TG18-QC: rectangles on whole
 * device pixels, because a line of one pixel that is drawn between two of them tests nothing.
 */

/**
 * @typedef {{x: number, y: number, width: number, height: number, grey: number, name?: string}} Rectangle
 */

const CELLS = 20;
const GROUND = 128;
const GRID = 192;
const WHITE = 255;
/** Levels by which the small squares of a step differ from it: one percent of the range and a half. */
const NEAR = 4;

/**
 * Returns what is to be drawn on a square of so many device pixels, what is above later.
 * @param {number} side
 * @returns {Rectangle[]}
 */
export function pattern(side) {
  const cell = Math.floor(side / CELLS);
  const start = Math.floor((side - cell * CELLS) / 2);
  const at = (/** @type {number} */ cells) => start + Math.round(cells * cell);
  return [
    { x: 0, y: 0, width: side, height: side, grey: GROUND, name: "ground" },
    ...grid(side, at),
    ...steps(at, cell),
    ...contrast(at, cell),
    ...[[9, 9], [1, 1], [17, 1], [1, 17], [17, 17]].flatMap(([column, row]) => linePairs(at(column), at(row), cell)),
  ];
}

/** The grey of a part of the full range, in 8 bits. */
export const greyOf = (/** @type {number} */ percent) => Math.round((WHITE * percent) / 100);

/**
 * Lines of one pixel every two cells, and a frame at the very edge.
 * @param {number} side
 * @param {(cells: number) => number} at
 * @returns {Rectangle[]}
 */
function grid(side, at) {
  const inner = Array.from({ length: CELLS / 2 + 1 }, (_, index) => Math.min(at(2 * index), side - 1));
  const places = [...new Set([0, ...inner, side - 1])];
  return places.flatMap((place) => [
    { x: place, y: 0, width: 1, height: side, grey: GRID },
    { x: 0, y: place, width: side, height: 1, grey: GRID },
  ]);
}

/**
 * Steps of a tenth from black to white, in the order in which a ring is read.
 * @param {(cells: number) => number} at
 * @param {number} cell
 * @returns {Rectangle[]}
 */
function steps(at, cell) {
  const places = [
    [3, 13], [3, 10], [3, 7], [3, 4], [6, 4], [9, 4], [12, 4], [15, 4], [15, 7], [15, 10], [15, 13],
  ];
  return places.flatMap(([column, row], index) => {
    const grey = greyOf(10 * index);
    const size = 2 * cell;
    const small = Math.max(Math.floor(cell / 2), 1);
    const step = { x: at(column), y: at(row), width: size, height: size, grey, name: `step ${10 * index}` };
    return [
      // The middle step has the grey of the ground, and would not be there without its edge.
      { x: step.x - 1, y: step.y - 1, width: size + 2, height: size + 2, grey: GRID },
      step,
      { ...step, width: small, height: small, grey: Math.min(grey + NEAR, WHITE), name: `lighter ${10 * index}` },
      {
        x: step.x + size - small,
        y: step.y + size - small,
        width: small,
        height: small,
        grey: Math.max(grey - NEAR, 0),
        name: `darker ${10 * index}`,
      },
    ];
  });
}

/**
 * 5 % in black and 95 % in white.
 * @param {(cells: number) => number} at
 * @param {number} cell
 * @returns {Rectangle[]}
 */
function contrast(at, cell) {
  /** @type {[number, number, number][]} */
  const pairs = [[7, 0, 5], [11, 100, 95]];
  return pairs.flatMap(([column, outer, inner]) => [
    { x: at(column), y: at(13), width: 2 * cell, height: 2 * cell, grey: greyOf(outer), name: `patch ${outer}` },
    { x: at(column + 0.5), y: at(13.5), width: cell, height: cell, grey: greyOf(inner), name: `patch ${inner}` },
  ]);
}

/**
 * Black and white lines of one and of two pixels, upright and lying, in a square of two cells.
 * @param {number} left
 * @param {number} top
 * @param {number} cell
 * @returns {Rectangle[]}
 */
function linePairs(left, top, cell) {
  /** @type {Rectangle[]} */
  const found = [{ x: left, y: top, width: 2 * cell, height: 2 * cell, grey: 0, name: "lines" }];
  [1, 2].forEach((thick, row) => {
    for (let place = 0; place + thick <= cell; place += 2 * thick) {
      const y = top + row * cell;
      found.push({ x: left + place, y, width: thick, height: cell, grey: WHITE });
      found.push({ x: left + cell, y: y + place, width: cell, height: thick, grey: WHITE });
    }
  });
  return found;
}
