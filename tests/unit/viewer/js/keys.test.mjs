/** A key in a list leads to a place that exists, or belongs to somebody else. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { moved } from "../../../../viewer/static/js/lib/keys.js";

test("arrows, Home and End stay within the list", () => {
  assert.equal(moved("ArrowDown", 0, 3), 1);
  assert.equal(moved("ArrowDown", 2, 3), 2);
  assert.equal(moved("ArrowUp", 0, 3), 0);
  assert.equal(moved("End", 0, 3), 2);
  assert.equal(moved("Home", 2, 3), 0);
});

test("other keys lead nowhere", () => {
  assert.equal(moved("a", 1, 3), null);
});
