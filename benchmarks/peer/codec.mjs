// sharp behind lines of JSON: {"input": path, "output": path, "format", "options", "pipeline"} in,
// {"cpu": seconds of user and system time of all threads, "bytes": n} out. sharp's own defaults.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import sharp from "sharp";

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  const data = readFileSync(job.input);
  const before = process.cpuUsage();
  let image = sharp(data);
  if (job.pipeline.upright) image = image.autoOrient();
  if (job.pipeline.width) image = image.resize({ width: job.pipeline.width, withoutEnlargement: true });
  const output = await image.toFormat(job.format, job.options).toBuffer();
  const { user, system } = process.cpuUsage(before);
  if (job.output) writeFileSync(job.output, output);
  console.log(JSON.stringify({ cpu: (user + system) / 1e6, bytes: output.length }));
}
