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

export default defineConfig({
  root: here("."),
  base: "./",
  resolve: { alias: { xmlbuilder2: here("nothing.js") } },
  plugins: [compressedTwins()],
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
