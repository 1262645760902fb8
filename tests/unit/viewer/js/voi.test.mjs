/** Shades of grey follow the formulas of PS3.3 C.11; equality with the server is tested in the browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { modalityValue, startWindow, tableOf } from "../../../../viewer/static/js/lib/voi.js";

const PLAIN = { slope: 1, intercept: 0, modalityLut: null, window: null, voiLut: null, inverted: false, padding: null };

function words(...numbers) {
  return Buffer.from(new Uint16Array(numbers).buffer).toString("base64");
}

function shades(voi, changes = {}, range = { low: -1, high: 5 }) {
  return [...tableOf({ ...PLAIN, ...changes }, voi, range)];
}

test("a linear window rises from its first to its last value", () => {
  assert.deepEqual(shades({ center: 2, width: 4, function: "LINEAR" }), [0, 0, 85, 170, 255, 255, 255]);
});

test("an exact window has its middle at the centre", () => {
  assert.deepEqual(shades({ center: 2, width: 4, function: "LINEAR_EXACT" }), [0, 0, 64, 128, 191, 255, 255]);
});

test("a window of one value is a step", () => {
  assert.deepEqual(shades({ center: 2, width: 1, function: "LINEAR" }), [0, 0, 0, 255, 255, 255, 255]);
});

test("a sigmoid is half white at its centre and never overflows", () => {
  const table = shades({ center: 2, width: 4, function: "SIGMOID" }, {}, { low: 2, high: 2 });
  assert.deepEqual(table, [128]);
  assert.deepEqual(shades({ center: 0, width: 1e-3, function: "SIGMOID" }, {}, { low: -32768, high: -32768 }), [0]);
});

test("inversion comes last", () => {
  assert.deepEqual(shades({ center: 2, width: 1, function: "LINEAR" }, { inverted: true }), [255, 255, 255, 0, 0, 0, 0]);
});

test("the rescale comes before the window", () => {
  assert.equal(modalityValue({ ...PLAIN, slope: 2, intercept: -1024 }, 512), 0);
  const table = shades({ center: 0, width: 1, function: "LINEAR" }, { intercept: -1024 }, { low: 1023, high: 1024 });
  assert.deepEqual(table, [0, 255]);
});

test("tables hold for inputs beyond their ends too", () => {
  const voiLut = { first: 1, bits: 8, values: words(10, 20, 255) };
  assert.deepEqual(shades("lut", { voiLut }), [10, 10, 10, 20, 255, 255, 255]);
  const modalityLut = { first: 0, bits: 16, values: words(100, 200) };
  assert.equal(modalityValue({ ...PLAIN, modalityLut }, 7), 200);
});

test("the header's window is first, then its table, then the range of the values", () => {
  const window = { center: 1, width: 2, function: "LINEAR" };
  const voiLut = { first: 0, bits: 8, values: words(0, 255) };
  const values = new Int16Array([-10, 0, 30]);
  assert.equal(startWindow({ shades: { ...PLAIN, window, voiLut } }, { values }), window);
  assert.equal(startWindow({ shades: { ...PLAIN, voiLut } }, { values }), "lut");
  assert.deepEqual(startWindow({ shades: PLAIN }, { values }), { center: 10, width: 40, function: "LINEAR_EXACT" });
});

test("padding and one pixel of metal do not darken the anatomy", () => {
  const values = Int16Array.from({ length: 10000 }, (_, n) => n % 100);
  values[5] = 30000;
  values[6] = -2000;
  const found = startWindow({ shades: { ...PLAIN, padding: [-2000, -2000] } }, { values });
  assert.deepEqual(found, { center: 49.5, width: 99, function: "LINEAR_EXACT" });
});
