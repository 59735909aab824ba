// The last day, and the next one with its band.
/* global uPlot */
const HEIGHT_PX = 270;

export function drawChart(place, { measure, series, forecast, now }) {
  const styles = getComputedStyle(place);
  const accent = styles.outlineColor; // the page's own, which a canvas cannot read by name
  const axis = { stroke: styles.color, grid: { stroke: "#8883", width: 1 }, ticks: { stroke: "#8883" } };
  const options = {
    width: place.clientWidth,
    height: HEIGHT_PX,
    axes: [axis, { ...axis, size: 55, label: measure.unit, labelSize: 18 }],
    series: [
      {},
      { label: "measured", stroke: styles.color, width: 1.5, spanGaps: false, points: { show: false } },
      { label: "5 %", stroke: "transparent", points: { show: false } },
      { label: "95 %", stroke: "transparent", points: { show: false } },
      { label: "forecast", stroke: accent, width: 2, dash: [6, 4], points: { show: false } },
    ],
    bands: [{ series: [3, 2], fill: faint(accent) }],
    hooks: { draw: [(chart) => markNow(chart, now, styles.color), (chart) => markLimits(chart, measure)] },
  };
  place.replaceChildren();
  new uPlot(options, columns(series.rows, forecast), place);
}

const faint = (rgb) => rgb.replace("rgb(", "rgba(").replace(")", ", 0.22)");

// One column of times for both: what is not known at a time is null.
function columns(measured, forecast) {
  const points = [
    ...measured.map((row) => [row.time, row.value, null, null, null]),
    ...forecast.map((row) => [row.time, null, row.q05, row.q95, row.q50]),
  ].sort((a, b) => a[0] - b[0]);
  return [0, 1, 2, 3, 4].map((n) => points.map((point) => point[n]));
}

function markNow(chart, now, colour) {
  const x = Math.round(chart.valToPos(now, "x", true));
  line(chart, colour, [x, chart.bbox.top, x, chart.bbox.top + chart.bbox.height], "now");
}

function markLimits(chart, measure) {
  for (const limit of measure.limits_of_a_day.slice(0, 1)) {
    if (limit.value > chart.scales.y.max || limit.value < chart.scales.y.min) continue;
    const y = Math.round(chart.valToPos(limit.value, "y", true));
    line(chart, "#d9822b", [chart.bbox.left, y, chart.bbox.left + chart.bbox.width, y], `${limit.source}, mean of a day`);
  }
}

function line(chart, colour, [x0, y0, x1, y1], text) {
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour;
  ctx.setLineDash([3, 3]);
  ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
  // Beside the line, on the side where there is room.
  const isStanding = x0 === x1, isAtEnd = x0 > chart.bbox.left + 0.9 * chart.bbox.width;
  ctx.textAlign = isStanding && isAtEnd ? "right" : "left";
  const isAtTop = y0 < chart.bbox.top + 20;
  ctx.fillText(text, x0 + (isStanding && isAtEnd ? -5 : 5), isStanding || isAtTop ? y0 + 16 : y0 - 5);
  ctx.restore();
}
