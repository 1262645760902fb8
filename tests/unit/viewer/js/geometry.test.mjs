/** Measuring and placing agree with arithmetic by hand, in the standard's image coordinates. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { angle, angleBetween, crossing, depth, distance, edgeLabels, fromPatient, letters, normalOf, toPatient } from "../../../../viewer/static/js/lib/geometry.js";

const AXIAL = { position: [-100, -80, 30], orientation: [1, 0, 0, 0, 1, 0], frameOfReference: "1" };
const SAGITTAL = { position: [10, -90, 60], orientation: [0, 1, 0, 0, 0, -1], frameOfReference: "1" };

function frame(changes = {}) {
  return { rows: 200, columns: 300, aspect: 1, regions: [], plane: AXIAL, patientOrientation: null, spacing: { row: 0.5, column: 0.5, kind: "patient" }, ...changes };
}

test("a length is in millimetres by the spacing of rows and columns", () => {
  const uneven = frame({ spacing: { row: 2, column: 0.5, kind: "patient" } });
  assert.deepEqual(distance(uneven, [0, 0], [6, 2]), { value: 5, unit: "mm", kind: "patient" });
});

test("without spacing a length is in pixels, at the plate it says so", () => {
  assert.deepEqual(distance(frame({ spacing: null }), [1, 1], [4, 5]), { value: 5, unit: "px", kind: "" });
  assert.equal(distance(frame({ spacing: { row: 1, column: 1, kind: "detector" } }), [0, 0], [0, 3]).kind, "detector");
});

test("in ultrasound only what lies within one region has a scale", () => {
  const ultrasound = frame({ regions: [{ x0: 10, y0: 10, x1: 99, y1: 99, dx: 0.2, dy: 0.3 }] });
  assert.deepEqual(distance(ultrasound, [10, 10], [30, 20]), { value: 5, unit: "mm", kind: "calibrated" });
  assert.equal(distance(ultrasound, [10, 10], [200, 10]).unit, "px");
});

test("angles know that pixels may not be square", () => {
  assert.equal(angle(frame(), [5, 0], [0, 0], [0, 5]), 90);
  assert.ok(Math.abs(angle(frame({ aspect: 2 }), [10, 0], [0, 0], [10, 5]) - 45) < 1e-9);
  assert.equal(angleBetween(frame(), [0, 0], [1, 0], [9, 9], [8, 9]), 180);
});

test("edges are named from the plane, or from Patient Orientation", () => {
  assert.deepEqual(edgeLabels(frame(), { rotation: 0, flipped: false }), { top: "A", right: "L", bottom: "P", left: "R" });
  assert.deepEqual(edgeLabels(frame({ plane: SAGITTAL }), { rotation: 0, flipped: false }), { top: "H", right: "P", bottom: "F", left: "A" });
  const chest = frame({ plane: null, patientOrientation: ["L", "F"] });
  assert.deepEqual(edgeLabels(chest, { rotation: 0, flipped: false }), { top: "H", right: "L", bottom: "F", left: "R" });
  assert.deepEqual(edgeLabels(frame({ plane: null }), { rotation: 90, flipped: true }), { top: "", right: "", bottom: "", left: "" });
});

test("labels follow a flip, then a rotation clockwise", () => {
  assert.deepEqual(edgeLabels(frame(), { rotation: 90, flipped: false }), { top: "R", right: "A", bottom: "L", left: "P" });
  assert.deepEqual(edgeLabels(frame(), { rotation: 180, flipped: false }), { top: "P", right: "R", bottom: "A", left: "L" });
  assert.deepEqual(edgeLabels(frame(), { rotation: 0, flipped: true }), { top: "A", right: "R", bottom: "P", left: "L" });
  assert.deepEqual(edgeLabels(frame(), { rotation: 270, flipped: true }), { top: "R", right: "P", bottom: "L", left: "A" });
});

test("a slanted direction has two letters, the nearer axis first", () => {
  assert.equal(letters([0.8, 0.6, 0]), "LP");
  assert.equal(letters([-0.6, 0, 0.8]), "HR");
  assert.equal(letters([0.99, 0.1, 0.05]), "L");
});

test("the middle of the first pixel lies at the position of the image", () => {
  assert.deepEqual(toPatient(frame(), [0.5, 0.5]), [-100, -80, 30]);
  assert.deepEqual(toPatient(frame(), [2.5, 4.5]), [-99, -78, 30]);
  assert.equal(toPatient(frame({ spacing: null }), [0, 0]), null);
});

test("a place in the patient goes back to its point, with its distance", () => {
  assert.deepEqual(fromPatient(frame(), [-99, -78, 33]), { point: [2.5, 4.5], distance: 3 });
});

test("frames of one direction are ordered by their depth", () => {
  assert.deepEqual(normalOf(AXIAL), [0, 0, 1]);
  assert.equal(depth(AXIAL), 30);
  assert.equal(depth(SAGITTAL), -10);
});

test("a sagittal plane crosses an axial image in one column", () => {
  const line = crossing(frame(), frame({ plane: SAGITTAL }));
  // x = 10 lies 110 mm from the first column's middle.
  assert.deepEqual(line?.map(([column]) => column), [220.5, 220.5]);
  assert.deepEqual(line?.map(([, row]) => row).sort((a, b) => a - b), [0, 200]);
  const parallel = { ...AXIAL, position: [-100, -80, 40] };
  assert.equal(crossing(frame(), frame({ plane: parallel })), null);
  assert.equal(crossing(frame(), frame({ plane: { ...SAGITTAL, frameOfReference: "2" } })), null);
});
