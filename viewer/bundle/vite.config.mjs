/** Bundles third-party code into static/vendor, each file with its compressed twins beside it. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const COMPRESSIBLE = /\.(js|css|wasm)$/;

function compressedTwins() {
  return {
    name: "compressed-twins",
    closeBundle() {
      const folder = here("../static/vendor/");
      for (const name of readdirSync(folder).filter((each) => COMPRESSIBLE.test(each))) {
        const bytes = readFileSync(folder + name);
        writeFileSync(`${folder}${name}.br`, brotliCompressSync(bytes));
        writeFileSync(`${folder}${name}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

/** A style attribute is what the pages' Content-Security-Policy forbids; the same through the style object is not. */
function withoutStyleAttributes() {
  const forbidden = "textElement.setAttribute('style', combinedStyle)";
  return {
    name: "without-style-attributes",
    transform(/** @type {string} */ code, /** @type {string} */ id) {
      if (!id.endsWith("drawingSvg/drawTextBox.js")) return undefined;
      if (!code.includes(forbidden)) throw new Error("Cornerstone draws its texts otherwise now: look at them under the policy.");
      return { code: code.replace(forbidden, "textElement.style.cssText = combinedStyle"), map: null };
    },
  };
}

export default defineConfig({
  root: here("."),
  base: "./",
  resolve: { alias: { xmlbuilder2: here("nothing.js") } },
  plugins: [withoutStyleAttributes(), compressedTwins()],
  worker: { format: "es", rollupOptions: { output: { entryFileNames: "[name]-[hash].js" } } },
  build: {
    outDir: here("../static/vendor"),
    emptyOutDir: true,
    target: ["chrome109", "firefox115", "safari15"],
    assetsInlineLimit: 0,
    modulePreload: false,
    chunkSizeWarningLimit: 4096,
    rollupOptions: {
      input: { cornerstone: here("cornerstone.js"), charls: here("charls.js") },
      preserveEntrySignatures: "strict",
      output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js", assetFileNames: "[name]-[hash][extname]" },
    },
  },
});
