/** The display test shows the greys it promises, in their places, on whole pixels, at every size. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { greyOf, pattern } from "../../../../viewer/static/js/lib/pattern.js";

/** Paints a pattern into greys, row by row. */
function painted(side) {
  const greys = new Uint8Array(side * side);
  for (const { x, y, width, height, grey } of pattern(side)) {
    for (let row = y; row < y + height; row += 1) greys.fill(grey, row * side + x, row * side + x + width);
  }
  return greys;
}

const named = (side, name) => pattern(side).find((each) => each.name === name);

for (const side of [40, 333, 1024, 1999]) {
  test(`everything lies on whole pixels within ${side}`, () => {
    for (const { x, y, width, height, grey } of pattern(side)) {
      assert.ok([x, y, width, height, grey].every(Number.isInteger));
      assert.ok(x >= 0 && y >= 0 && width > 0 && height > 0);
      assert.ok(x + width <= side && y + height <= side, `${x} ${y} ${width} ${height}`);
      assert.ok(grey >= 0 && grey <= 255);
    }
  });

  test(`steps and patches of ${side} show their grey in the middle`, () => {
    const greys = painted(side);
    const middle = ({ x, y, width, height }) => greys[(y + (height >> 1)) * side + x + (width >> 1)];
    for (let percent = 0; percent <= 100; percent += 10) {
      assert.equal(middle(named(side, `step ${percent}`)), greyOf(percent));
    }
    assert.equal(middle(named(side, "patch 5")), 13);
    assert.equal(middle(named(side, "patch 95")), 242);
    const corner = ({ x, y }) => greys[y * side + x];
    assert.equal(corner(named(side, "patch 0")), 0);
    assert.equal(corner(named(side, "patch 100")), 255);
  });
}

test("lines of one pixel change with every pixel", () => {
  const side = 1024;
  const greys = painted(side);
  const { x, y } = named(side, "lines");
  assert.deepEqual([...greys.slice(y * side + x, y * side + x + 6)], [255, 0, 255, 0, 255, 0]);
  const below = y + Math.floor(side / 20);
  assert.deepEqual([...greys.slice(below * side + x, below * side + x + 8)], [255, 255, 0, 0, 255, 255, 0, 0]);
});

test("a frame stands at the edge, where a screen that cuts off would lose it", () => {
  const side = 333;
  const greys = painted(side);
  for (const place of [0, side - 1]) {
    assert.equal(greys[place * side + 5], 192);
    assert.equal(greys[5 * side + place], 192);
  }
});
