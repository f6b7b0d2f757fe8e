import { defineConfig } from "vite";

export default defineConfig({
  build: {
    target: "es2022",
    // One page, from one's own machine: there is nothing to split.
    chunkSizeWarningLimit: 1000,
    // The page's policy allows no data: scripts and no inline ones.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      // "use client" is for servers that render; there is none here.
      onwarn: (warning, warn) => {
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
    },
  },
});
