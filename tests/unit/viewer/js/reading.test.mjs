/** The reading viewer's arithmetic: regions as by hand, volumes only where there is one, hanging as the file says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { hang, priorFor, protocolFor, speaksOf, stacksOf } from "../../../../viewer/static/js/read/hanging.js";
import { worldOf, pointOf } from "../../../../viewer/static/js/read/placing.js";
import { valuesOf } from "../../../../viewer/static/js/read/values.js";
import { fillSlice, gridOf, isWhole, volumeProblem } from "../../../../viewer/static/js/read/volume.js";
import { outward, wishes } from "../../../../viewer/static/js/read/wishes.js";

const SHADES = { slope: 2, intercept: -10, modalityLut: null, window: null, voiLut: null, inverted: false, padding: null };

function frame(changes = {}) {
  return {
    ...{ rows: 10, columns: 10, aspect: 1, regions: [], shades: SHADES, units: "HU", stored: { bits: 12, signed: false }, key: "1/1" },
    ...{ plane: { position: [0, 0, 0], orientation: [1, 0, 0, 0, 1, 0], frameOfReference: "1" }, spacing: { row: 2, column: 0.5, kind: "patient" } },
    ...changes,
  };
}

const PIXELS = { rows: 10, columns: 10, values: Uint16Array.from({ length: 100 }, (_, n) => n), low: 0, high: 99 };

function values(kind, points, of = frame(), pixels = PIXELS) {
  return Object.fromEntries(valuesOf(kind, of, points, pixels).map(({ name, value, unit }) => [name, [Math.round(value * 1e6) / 1e6, unit]]));
}

test("a rectangle counts the pixels whose middles lie inside, in modality values", () => {
  const found = values("rectangle", [[1, 1], [3, 1], [3, 2], [1, 2]]);
  // Stored 11 and 12 are 12 and 14 HU.
  assert.deepEqual(found, { area: [2, "mm2"], mean: [13, "HU"], deviation: [1, "HU"], minimum: [12, "HU"], maximum: [14, "HU"] });
});

test("padding inside a region is no tissue", () => {
  const padded = frame({ shades: { ...SHADES, padding: [11, 11] } });
  assert.deepEqual(values("rectangle", [[1, 1], [3, 1], [3, 2], [1, 2]], padded).mean, [14, "HU"]);
});

test("an ellipse has its area and the pixels within, however it lies", () => {
  const square = frame({ spacing: { row: 1, column: 1, kind: "patient" } });
  const upright = values("ellipse", [[5, 8], [5, 2], [3, 5], [7, 5]], square);
  const lying = values("ellipse", [[3, 5], [7, 5], [5, 8], [5, 2]], square);
  assert.deepEqual(upright, lying);
  assert.deepEqual(upright.area, [Math.round(Math.PI * 3 * 2 * 1e6) / 1e6, "mm2"]);
  assert.equal(upright.mean[0], 2 * 49.5 - 10);
});

test("a freehand outline is a polygon", () => {
  assert.deepEqual(values("freehand", [[0, 0], [4, 0], [0, 4]]).area, [8, "mm2"]);
});

test("a probe reads the pixel under it, outside there is nothing", () => {
  assert.deepEqual(values("probe", [[9.9, 0.2]]), { value: [8, "HU"] });
  assert.deepEqual(values("probe", [[10, 0]]), {});
});

test("without spacing everything is in pixels, without pixels there are no statistics", () => {
  const unknown = frame({ spacing: null });
  assert.deepEqual(values("length", [[0, 0], [3, 4]], unknown), { length: [5, "px"] });
  assert.deepEqual(values("rectangle", [[1, 1], [3, 1], [3, 2], [1, 2]], unknown, null), { area: [2, "px2"] });
});

test("the angle of Cobb is the smaller one", () => {
  const square = frame({ spacing: { row: 1, column: 1, kind: "patient" } });
  assert.deepEqual(values("cobb", [[0, 0], [10, 0], [10, 5], [0, 4]], square).angle, [Math.round((Math.atan(0.1) * 180) / Math.PI * 1e6) / 1e6, "deg"]);
});

test("world and image coordinates are each other's inverse, also where the header says nothing", () => {
  for (const one of [frame(), frame({ plane: null }), frame({ spacing: null, aspect: 2 })]) {
    const [column, row] = pointOf(one, worldOf(one, [3.25, 7.5]));
    assert.ok(Math.abs(column - 3.25) < 1e-9 && Math.abs(row - 7.5) < 1e-9);
  }
});

function slices(heights, changes = {}) {
  const frames = heights.map((z, index) => frame({ index, plane: { position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0], frameOfReference: "1" }, spacing: { row: 1, column: 1, kind: "patient" }, ...changes }));
  return { frames };
}

test("a volume is even, placed, grey and of one size; everything else has its reason", () => {
  assert.equal(volumeProblem(slices([0, 5, 10, 15, 20])), "");
  assert.equal(volumeProblem(slices([20, 15, 10, 5, 0])), "");
  assert.equal(volumeProblem(slices([0, 5, 10, 15])), "few");
  assert.equal(volumeProblem(slices([0, 5, 10, 20, 25])), "uneven");
  assert.equal(volumeProblem(slices([0, 0, 0, 0, 0])), "uneven");
  assert.equal(volumeProblem(slices([0, 5, 10, 15, 20], { stored: null })), "colour");
  assert.equal(volumeProblem(slices([0, 5, 10, 15, 20], { plane: null })), "unplaced");
  assert.equal(volumeProblem(slices([0, 5, 10, 15, 20], { spacing: { row: 1, column: 1, kind: "detector" } })), "unplaced");
  const mixed = slices([0, 5, 10, 15, 20]);
  mixed.frames[2] = { ...mixed.frames[2], rows: 12 };
  assert.equal(volumeProblem(mixed), "tilted");
});

test("a volume runs along its normal whatever order its slices came in", () => {
  const grid = gridOf(slices([20, 10, 0, 30, 40]));
  assert.deepEqual(grid.origin, [0, 0, 0]);
  assert.deepEqual(grid.spacing, [1, 1, 10]);
  assert.deepEqual(grid.direction, [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  assert.deepEqual(grid.frames.map(({ plane }) => plane.position[2]), [0, 10, 20, 30, 40]);
});

test("a volume holds modality values, in 16 bits where they fit", () => {
  const target = new Int16Array(100);
  fillSlice(frame(), PIXELS, target);
  assert.equal(target[99], 188);
  assert.ok(isWhole(frame(), PIXELS));
  assert.ok(!isWhole(frame({ shades: { ...SHADES, slope: 0.5 } }), PIXELS));
  assert.ok(!isWhole(frame(), { ...PIXELS, high: 40000 }));
});

test("reading ahead goes outward, forward first, panes by turns", () => {
  assert.deepEqual(outward([0, 1, 2, 3, 4], 2).sort(), [0, 1, 2, 3, 4]);
  assert.deepEqual(outward(["a", "b", "c", "d"], 1), ["b", "c", "d", "a"]);
  assert.deepEqual(wishes([{ stack: { frames: ["a", "b"] }, index: 0 }, { stack: { frames: ["x"] }, index: 0 }]), ["a", "x", "b"]);
});

const PLACE = { study: "current", modalities: [], words: [], views: [], laterality: "", window: "", again: false };

/** The file as the server hands it over, every default filled in. */
function protocols() {
  const file = JSON.parse(readFileSync(new URL("../../../../viewer/hanging.json", import.meta.url), "utf8"));
  const arrangement = (one) => ({ ...one, panes: one.panes.map((place) => ({ ...PLACE, ...place })) });
  return file.protocols.map((one) => ({ modalities: [], bodyParts: [], words: [], ...arrangement(one), withPrior: one.withPrior ? arrangement(one.withPrior) : null }));
}

function study(uid, ...series) {
  return {
    uid,
    description: "",
    series: series.map(({ modality = "CT", bodyPart = "", description = "", view = "", side = "", frames = 1 }, n) => {
      const one = { uid: `${uid}.${n}`, modality, bodyPart, description, laterality: side, documents: [] };
      one.stacks = [{ key: one.uid, series: one, frames: Array.from({ length: frames }, () => ({ viewPosition: view, laterality: "", plane: null })) }];
      return one;
    }),
  };
}

test("the first protocol that suits a study hangs it", () => {
  assert.equal(protocolFor(protocols(), study("1", { bodyPart: "CHEST" })).name, "CT of the chest");
  assert.equal(protocolFor(protocols(), study("1", { description: "Ngực có tiêm" })).name, "CT of the chest");
  assert.equal(protocolFor(protocols(), study("1", { modality: "DX", bodyPart: "CHEST" })).name, "Chest film");
  assert.equal(protocolFor(protocols(), study("1", { modality: "XC" })).name, "Everything else");
});

test("mammograms hang by side and view, whatever order they came in", () => {
  const breast = (side, view) => ({ modality: "MG", side, view });
  const one = study("1", breast("L", "MLO"), breast("L", "CC"), breast("R", "MLO"), breast("R", "CC"));
  const hung = hang(protocolFor(protocols(), one), one, null);
  assert.deepEqual(hung.map((each) => each.stack.key), ["1.3", "1.1", "1.2", "1.0"]);
});

test("a prior hangs beside the stack that it resembles", () => {
  const current = study("1", { bodyPart: "CHEST", description: "Axial" });
  const prior = study("2", { bodyPart: "CHEST", description: "Lung" }, { bodyPart: "CHEST", description: "Axial" });
  const hung = hang(protocolFor(protocols(), current).withPrior, current, prior);
  assert.deepEqual(hung.map((each) => each.stack.key), ["1.0", "2.1"]);
});

test("planning images are read last", () => {
  const one = study("1", { description: "Topogram" }, { description: "Ngực" });
  assert.equal(hang({ layout: "1x1", panes: [PLACE] }, one, null)[0].stack.key, "1.1");
});

test("the prior is the newest of the same modality and body part", () => {
  const prior = (uid, modality, part, images = 1) => ({ uid, modalities: [modality], bodyParts: part ? [part] : [], images });
  const current = study("1", { bodyPart: "CHEST" });
  assert.equal(priorFor([prior("a", "MR", "CHEST"), prior("b", "CT", "HEAD"), prior("c", "CT", "CHEST")], current)?.uid, "c");
  assert.equal(priorFor([prior("a", "CT", "HEAD")], current), null);
  assert.equal(priorFor([prior("a", "CT", "")], current)?.uid, "a");
  assert.equal(priorFor([prior("a", "CT", "CHEST", 0)], current), null);
});

test("words are whole words, in any case", () => {
  assert.ok(speaksOf("CT NGỰC có tiêm", ["ngực"]));
  assert.ok(!speaksOf("Chestnut", ["chest"]));
});

test("what is planned with and what was made of images is read last", () => {
  const study = { series: [["SEG", "tumour"], ["CT", "Topogram"], ["CT", "soft"]].map(([modality, description]) => ({ stacks: [{ series: { modality, description } }] })) };
  assert.deepEqual(stacksOf(study).map(({ series }) => series.description), ["soft", "tumour", "Topogram"]);
});
