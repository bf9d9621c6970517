// Keeps the rules of a style sheet that the pages of the site use.
// stdin: {css, folder} as JSON; stdout: the style sheet.
import { PurgeCSS } from "purgecss";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { css, folder } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
const [result] = await new PurgeCSS().purge({
  content: [`${folder}/*.html`, `${folder}/_static/*.js`],
  css: [{ raw: css }],
  fontFace: true,
  keyframes: true,
  variables: true,
  // Attributes that scripts set; PurgeCSS looks for their values in the pages.
  dynamicAttributes: ["data-theme", "data-mode", "aria-pressed", "aria-expanded", "open"],
  safelist: { standard: [/^--(heads|across|down|x|y|wide|high)$/, "js"] },
});
process.stdout.write(JSON.stringify(result.css));
