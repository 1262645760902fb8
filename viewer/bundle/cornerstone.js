/** What the reading viewer (js/read) takes from Cornerstone3D. */
export * as core from "@cornerstonejs/core";
export * as tools from "@cornerstonejs/tools";
