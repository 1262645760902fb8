/* Runs in a page of the gateway: paints frames by our scripts, and compares them with the server's own pictures. */
async ([root, uids, compressed]) => {
  const { openStudy, renderedUrl } = await import(`${root}/js/lib/display.js`);
  const { startWindow, tableOf } = await import(`${root}/js/lib/voi.js`);
  const { PixelSource } = await import(`${root}/js/pixels/source.js`);
  const LARGEST = 16 * 1024 * 1024;

  async function picture(frame) {
    const answer = await fetch(renderedUrl(frame), { headers: { Accept: "image/png" } });
    if (!answer.ok) return null;
    const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none" });
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  }

  async function judged(source, frame) {
    const [pixels, expected] = await Promise.all([source.load(frame).catch((trouble) => trouble.kind), picture(frame)]);
    if (typeof pixels === "string" || expected === null) return typeof pixels === "string" && expected === null ? "neither" : "one alone";
    if (!pixels.values) return "drawn";
    const table = tableOf(frame.shades, startWindow(frame, pixels), pixels);
    for (let n = 0; n < pixels.values.length; n += 1) {
      if (table[pixels.values[n] - pixels.low] !== expected[4 * n]) return `other shade at ${n}`;
    }
    return "same";
  }

  const source = new PixelSource({ maxBytes: 64 * 1024 * 1024, compressed });
  const found = [];
  for (const uid of uids) {
    const study = await openStudy(uid);
    for (const { stacks } of study.series) {
      for (const { frames } of stacks) {
        const chosen = frames.length < 4 ? frames : [frames[0], frames[frames.length >> 1], frames[frames.length - 1]];
        for (const frame of chosen) if (frame.rows * frame.columns < LARGEST) found.push([frame.key, await judged(source, frame)]);
      }
    }
  }
  source.close();
  return found;
};
