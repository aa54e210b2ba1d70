// Has npm's parse-prometheus-text-format read the golden pages: every family must come with its type, and
// every counter and gauge with its labels and the text of its value. (The parser puts the series of a
// histogram's label sets into one, so these are accepted only.) Arguments: the parser's directory.
"use strict";

const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");

const parse = require(path.resolve(process.argv[2], "node_modules/parse-prometheus-text-format"));
const golden = path.join(__dirname, "golden");

const UNESCAPED = { "\\\\": "\\", "\\n": "\n", '\\"': '"' };

// A sample line, read by two regular expressions.
function sample(line) {
  const [, name, , labels, value] = /^([\w:]+)(\{(.*)\})? (\S+)$/s.exec(line);
  const pairs = [...(labels ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gs)];
  return { name, labels: Object.fromEntries(pairs.map(([, key, text]) => [key, text.replace(/\\./gs, (e) => UNESCAPED[e])])), value };
}

const pages = fs.readdirSync(golden).filter((file) => file.endsWith(".prom")).sort();
assert(pages.length > 0, "no golden pages");
for (const file of pages) {
  const page = fs.readFileSync(path.join(golden, file), "utf8");
  const lines = page.split("\n").filter((line) => line !== "");
  const types = new Map(lines.filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ").slice(2)));
  const families = parse(page);
  assert.deepStrictEqual(new Map(families.map((family) => [family.name, family.type.toLowerCase()])), types, file);

  const scalars = families.filter((family) => family.type !== "HISTOGRAM");
  const read = scalars.flatMap(({ name, metrics }) => metrics.map(({ labels = {}, value }) => ({ name, labels, value })));
  const written = lines.filter((line) => !line.startsWith("#")).map(sample);
  assert.deepStrictEqual(read, written.filter(({ name }) => types.get(name) && types.get(name) !== "histogram"), file);
  console.log(`${file}: ${families.length} families, ${read.length} values of counters and gauges`);
}
console.log(`${pages.length} passed, 0 failed`);
