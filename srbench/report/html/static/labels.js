// Labels of a scatter plot that hide neither each other nor points: each at the nearest free place, with a line to it,
// which crosses no label, point or other line where some place allows that.
// srbench/report/plots/labels.py does the same.

const LABEL_TURNS = [0, 180, 315, 45, 225, 135, 270, 90];

/**
 * Where labels go, as pixels from their points.
 * points: [{ x, y, text }] in pixels; size: of the area, [width, height]; font: in pixels; line: points that are joined
 * by a line, which no label covers.
 */
function placeLabels(points, [width, height], font, line) {
  const marks = points.map(({ x, y }) => [x - 8, y - 8, x + 8, y + 8]);
  const taken = [...marks, ...line.slice(1).flatMap((to, index) => boxesAlong(line[index], to))];
  const solid = [...marks];
  return points.map((point, index) => {
    const places = labelPlaces(point, width, height, font);
    const free = places.filter(({ box }) => !taken.some((other) => boxesMeet(box, other)));
    const others = solid.filter((other) => other !== marks[index]);
    const crosses = ({ leader }) => leader.some((one) => others.some((other) => boxesMeet(one, other)));
    const found = free.find((place) => !crosses(place)) ?? free[0];
    if (!found) return null; // no place is free: its point still tells its name
    for (const boxes of [taken, solid]) boxes.push(found.box, ...found.leader);
    return found;
  });
}

/** The places of a label in the area, the nearest first, each with its box and the line to it as small boxes. */
function labelPlaces(point, width, height, font) {
  const { x, y, text } = point;
  const [w, h] = [text.length * font * 0.56, font * 1.25];
  const found = [];
  for (const reach of [14, 24, 38, 54, 74, 98]) {
    for (const turn of LABEL_TURNS) {
      const angle = (turn * Math.PI) / 180;
      const [dx, dy] = [Math.cos(angle) * reach, Math.sin(angle) * reach];
      const left = x + dx + (Math.abs(Math.cos(angle)) < 0.1 ? -w / 2 : Math.cos(angle) < 0 ? -w : 0);
      const box = [left, y + dy - h / 2, left + w, y + dy + h / 2];
      if (box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height) continue;
      const centre = { x: left + w / 2, y: y + dy };
      const far = reach > 14;
      const leader = far ? boxesAlong(point, centre).filter((one) => !boxesMeet(one, box)) : [];
      found.push({ box, leader, far, dx: centre.x - x, dy });
    }
  }
  return found;
}

function boxesAlong(from, to) {
  const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / 4) || 1;
  return Array.from({ length: steps + 1 }, (_, step) => {
    const [x, y] = ["x", "y"].map((axis) => from[axis] + ((to[axis] - from[axis]) * step) / steps);
    return [x - 1, y - 1, x + 1, y + 1];
  });
}

function boxesMeet(a, b) {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
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
