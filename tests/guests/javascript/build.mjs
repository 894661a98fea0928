// Makes a component of `mapping.js`: `node build.mjs <folder with the contract> <component>`.

import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "componentize-qjs";

const [wit, component] = process.argv.slice(2);
const made = await componentize({
  witPath: wit,
  world: "mapper",
  jsSource: await readFile("mapping.js", "utf8"),
  // A plugin has neither clock nor files, and its functions are not asynchronous.
  stubWasi: true,
  sync: true,
});
await writeFile(component, made.component);
