// Turns formulas into MathML, which browsers draw themselves, without a script.
// stdin: [[TeX, is it a display formula?], ...] as JSON; stdout: the MathML of each.
import temml from "temml";

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const formulas = JSON.parse(Buffer.concat(chunks).toString("utf8"));
const drawn = formulas.map(([tex, displayMode]) => {
  try {
    return temml.renderToString(tex, { displayMode, throwOnError: true, wrap: "none" });
  } catch (error) {
    throw new Error(`the formula ${tex} cannot be drawn: ${error.message}`);
  }
});
process.stdout.write(JSON.stringify(drawn));
