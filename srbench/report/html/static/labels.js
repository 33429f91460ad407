// Labels of a scatter plot that hide neither each other nor points: each at the nearest free place, with a line to it.
// srbench/report/plots/labels.py does the same.

const LABEL_TURNS = [0, 180, 315, 45, 225, 135, 270, 90];

/**
 * Where labels go, as pixels from their points.
 * points: [{ x, y, text }] in pixels; size: of the area, [width, height]; font: in pixels; line: points that are joined
 * by a line, which no label covers.
 */
function placeLabels(points, [width, height], font, line) {
  const boxes = points.map(({ x, y }) => [x - 8, y - 8, x + 8, y + 8]);
  for (const [index, to] of line.slice(1).entries()) {
    const from = line[index];
    const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 4) || 1;
    for (let step = 0; step <= steps; step++) {
      const [x, y] = ["x", "y"].map((axis) => from[axis] + ((to[axis] - from[axis]) * step) / steps);
      boxes.push([x - 1, y - 1, x + 1, y + 1]);
    }
  }
  return points.map(({ x, y, text }) => {
    const [w, h] = [text.length * font * 0.56, font * 1.25];
    for (const reach of [14, 24, 38, 54, 74, 98]) {
      for (const turn of LABEL_TURNS) {
        const angle = (turn * Math.PI) / 180;
        const [dx, dy] = [Math.cos(angle) * reach, Math.sin(angle) * reach];
        const left = x + dx + (Math.abs(Math.cos(angle)) < 0.1 ? -w / 2 : Math.cos(angle) < 0 ? -w : 0);
        const box = [left, y + dy - h / 2, left + w, y + dy + h / 2];
        if (box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height) continue;
        if (boxes.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
        boxes.push(box);
        return { dx: left + w / 2 - x, dy, far: reach > 14, width: w };
      }
    }
    return null; // no place is free: its point still tells its name
  });
}

/** The labels as annotations of a chart whose axes have these ranges. */
function labelNotes(points, area, ranges, font, line) {
  const share = (value, [low, high]) => (value - low) / (high - low);
  const inPixels = ({ x, y, text }) => ({
    x: share(x, ranges.x) * area[0],
    y: (1 - share(y, ranges.y)) * area[1],
    text,
  });
  return placeLabels(points.map(inPixels), area, font, line.map(inPixels)).flatMap((place, index) =>
    place
      ? [
          {
            x: points[index].x,
            y: points[index].y,
            text: chartText(points[index].text),
            showarrow: true,
            arrowhead: 0,
            arrowwidth: place.far ? 0.8 : 0.01,
            arrowcolor: place.far ? inkOf("dim") : "rgba(0,0,0,0)",
            standoff: 7,
            ax: place.dx,
            ay: place.dy,
            font: { color: inkOf("ink"), size: font },
            borderpad: 0,
          },
        ]
      : [],
  );
}
