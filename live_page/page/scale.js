// Which colour a value has: the European bands where there are some, else steps between what is usual here.
const PALETTE = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];

export const bandOf = (measure, value) =>
  measure.bands.find((band) => band.up_to === null || value <= band.up_to);

// The lowest and highest twentieth get the colours of the ends, so that one odd sensor does not fade the rest.
export function scaleOf(measure, rows) {
  if (measure.bands.length) return { steps: measure.bands.map((band, n) => bandStep(measure, band, n)) };
  const values = rows.filter((row) => !row.flags).map((row) => row.value).sort((a, b) => a - b);
  if (!values.length) return { steps: [] };
  const low = values[Math.floor(0.05 * (values.length - 1))];
  const high = values[Math.ceil(0.95 * (values.length - 1))];
  const width = (high - low) / PALETTE.length || 1;
  return { steps: PALETTE.map((colour, n) => evenStep(colour, low + n * width, low + (n + 1) * width, n)) };
}

function bandStep(measure, band, n) {
  const from = n ? measure.bands[n - 1].up_to : 0;
  const range = band.up_to === null ? `over ${from}` : `${from}–${band.up_to}`;
  return { colour: band.colour, upTo: band.up_to ?? Infinity, label: `${band.name} ${range}` };
}

function evenStep(colour, from, to, n) {
  const isLast = n === PALETTE.length - 1;
  return { colour, upTo: isLast ? Infinity : to, label: isLast ? `over ${from.toFixed(1)}` : `to ${to.toFixed(1)}` };
}

export const colourOf = (scale, value) => scale.steps.find((step) => value <= step.upTo)?.colour ?? "#888";
