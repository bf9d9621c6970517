// Draws the interactive charts. Of Vega only what they use: no maps, trees or forces.
// Vega-Lite is turned into Vega when the site is built. Expressions are interpreted, since
// the site's policy lets no text become code.
import { parse } from "vega-parser";
import { View } from "vega-view";
import { transforms } from "vega-dataflow";
import * as data from "vega-transforms";
import * as layout from "vega-view-transforms";
import * as encoding from "vega-encode";
import { expressionInterpreter } from "vega-interpreter";
import { Handler } from "vega-tooltip";

Object.assign(transforms, data, layout, encoding);

window.courseVega = (specification, container) => {
  const tooltip = new Handler({ disableDefaultStyle: true }); // its style is in course.css
  const view = new View(parse(specification, null, { ast: true }), {
    container, expr: expressionInterpreter, hover: true, renderer: "svg", tooltip: tooltip.call,
  });
  return view.runAsync();
};
