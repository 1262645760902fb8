/** The frames in memory never take more than their bytes, and the last one shown is among them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameCache } from "../../../../viewer/static/js/pixels/cache.js";

const frame = (bytes) => ({ rows: 1, columns: bytes, low: 0, high: 0, values: new Uint8Array(bytes) });

test("what was used longest ago goes first", () => {
  const cache = new FrameCache(300);
  for (const key of ["a", "b", "c"]) cache.put(key, frame(100));
  cache.get("a");
  cache.put("d", frame(100));
  assert.deepEqual([...cache.frames.keys()], ["c", "a", "d"]);
  assert.equal(cache.bytes, 300);
});

test("whatever comes, no more is kept than there is room for", () => {
  const cache = new FrameCache(1000);
  for (let n = 0; n < 600; n += 1) {
    cache.put(String(n), frame(1 + ((n * 37) % 400)));
    assert.ok(cache.bytes <= 1000);
  }
  assert.equal(cache.bytes, [...cache.frames.values()].reduce((sum, { values }) => sum + values.length, 0));
});

test("a frame larger than all memory is shown all the same, alone", () => {
  const cache = new FrameCache(100);
  cache.put("small", frame(50));
  cache.put("large", frame(500));
  assert.deepEqual([...cache.frames.keys()], ["large"]);
});
