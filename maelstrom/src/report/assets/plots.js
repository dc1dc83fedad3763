'use strict';

// Shows the value of the nearest point of a plot under the pointer, and links to its operation.

// Reads an axis from its attribute: the function from a share of it to a value.
function axis(text) {
  const [kind, from, to] = text.split(',');
  const value = (share) => Number(from) + share * (to - from);
  return kind === 'log' ? (share) => 10 ** value(share) : value;
}

function points(plot) {
  const found = [];
  for (const path of plot.querySelectorAll('path[data-name]')) {
    const operations = (path.dataset.ops || '').split(',');
    let number = 0;
    for (const [, x, y] of path.getAttribute('d').matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)) {
      found.push({ x: Number(x), y: Number(y), path, operation: operations[number++] });
    }
  }
  return found;
}

function rounded(value) {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

function watch(plot) {
  const [left, right, top, bottom] = plot.dataset.range.split(',').map(Number);
  const [xValue, yValue] = [axis(plot.dataset.x), axis(plot.dataset.y)];
  const [xLabel, yLabel] = plot.dataset.labels.split('|');
  const ring = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
  ring.setAttribute('r', 5);
  ring.setAttribute('class', 'pick');
  ring.style.display = 'none';
  ring.style.pointerEvents = 'none';
  plot.append(ring);
  const tip = document.getElementById('tip');
  let all = null;
  let near = null;
  plot.addEventListener('pointermove', (event) => {
    all ??= points(plot);
    const box = plot.getBoundingClientRect();
    const scale = plot.viewBox.baseVal.width / box.width;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    near = null;
    let least = 18;
    for (const point of all) {
      const distance = Math.hypot(point.x - x, point.y - y);
      if (distance < least) [near, least] = [point, distance];
    }
    ring.style.display = tip.style.display = near ? '' : 'none';
    tip.hidden = !near;
    plot.style.cursor = near?.operation ? 'pointer' : '';
    if (!near) return;
    ring.setAttribute('cx', near.x);
    ring.setAttribute('cy', near.y);
    const values = [
      `${xLabel.replace(/\(.*/, '')} ${rounded(xValue((near.x - left) / (right - left)))}${unit(xLabel)}`,
      `${rounded(yValue((bottom - near.y) / (bottom - top)))}${unit(yLabel) || ` ${yLabel}`}`,
    ];
    tip.textContent = `${near.path.dataset.name}: ${values.join(', ')}${near.operation ? `, operation ${near.operation}` : ''}`;
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
  plot.addEventListener('pointerleave', () => {
    tip.hidden = true;
    ring.style.display = 'none';
  });
  plot.addEventListener('click', () => {
    if (near?.operation) location.href = `timeline.html#i${near.operation}`;
  });
}

function unit(label) {
  const found = /\(([^)]+)\)/.exec(label);
  return found ? ` ${found[1]}` : '';
}

document.querySelectorAll('svg.plot[data-range]').forEach(watch);
