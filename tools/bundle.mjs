// Bundles and minifies with esbuild.
// stdin: options of esbuild's build() as JSON; stdout: the text that came out, or null
// where the options name a file to write to.
import { build } from "esbuild";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const options = JSON.parse(Buffer.concat(chunks).toString("utf8"));
const result = await build({
  minify: true, legalComments: "none", logLevel: "silent", write: "outfile" in options, ...options,
});
process.stdout.write(JSON.stringify(result.outputFiles?.[0].text ?? null));
