/** Stands in for a module that vtk.js imports for XML files, which nothing here reads. */
export function create() {
  throw new Error("XML is not supported here.");
}
