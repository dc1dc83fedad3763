const PITCH = 16;
const COLUMN = 108;
const LEFT = 76;
const ROWS_PER_TIME = 10;
// The maximum height of an element: browsers do not lay out much taller ones.
const HEIGHT_MAX = 15e6;

const by = (id) => document.getElementById(id);

// The rows and columns of all operations.
class Timeline {
  constructor(data) {
    Object.assign(this, data);
    const { ops } = data;
    this.count = ops.i.length;
    this.index = sums(ops.i);
    this.time = sums(ops.t);
    this.wrong = new Set(data.anomalies);
    const last = lastEntry(this.index, ops.e);
    // For each entry of the history: its operation, and then its row.
    const operationAt = new Int32Array(last + 1).fill(-1);
    for (let op = 0; op < this.count; op++) {
      operationAt[this.index[op]] = op;
      if (ops.e[op] >= 0) operationAt[this.index[op] + ops.e[op]] = op;
    }
    this.operationAt = operationAt;
    this.rowAt = new Int32Array(last + 1);
    this.rowTimes = [];
    for (let i = 0; i <= last; i++) {
      this.rowAt[i] = this.rowTimes.length;
      const op = operationAt[i];
      if (op >= 0) this.rowTimes.push(i === this.index[op] ? this.time[op] : this.time[op] + ops.l[op]);
    }
    this.rows = this.rowTimes.length;
    this.first = new Int32Array(this.count);
    this.last = new Int32Array(this.count);
    this.latest = new Int32Array(this.count);
    let latest = 0;
    for (let op = 0; op < this.count; op++) {
      this.first[op] = this.rowAt[this.index[op]];
      this.last[op] = ops.e[op] < 0 ? this.rows - 1 : this.rowAt[this.index[op] + ops.e[op]];
      this.latest[op] = latest = Math.max(latest, this.last[op]);
    }
    const processes = [...new Set(ops.p)].sort((a, b) => a - b);
    this.columns = new Map(processes.map((process, column) => [process, column]));
    this.pitch = Math.min(PITCH, HEIGHT_MAX / Math.max(1, this.rows));
  }

  // Returns the operations with a row from `from` to `to`.
  between(from, to) {
    const low = firstIndex(this.count, (op) => this.latest[op] >= from);
    const high = firstIndex(this.count, (op) => this.first[op] > to);
    const found = [];
    for (let op = low; op < high; op++) if (this.last[op] >= from) found.push(op);
    return found;
  }

  rowAtTime(time) {
    return firstIndex(this.rows, (row) => this.rowTimes[row] >= time);
  }
}

// Returns the greatest index of an entry of any operation.
function lastEntry(index, until) {
  let most = 0;
  for (let i = 0; i < index.length; i++) most = Math.max(most, index[i] + Math.max(0, until[i]));
  return most;
}

class View {
  constructor(timeline) {
    this.timeline = timeline;
    this.target = -1;
    const width = LEFT + COLUMN * timeline.columns.size;
    by('names').style.width = by('cells').style.width = `${width}px`;
    by('cells').style.height = `${timeline.rows * timeline.pitch + 8}px`;
    for (const [process, column] of timeline.columns) {
      const node = timeline.nodes[process];
      const name = element('span', { textContent: node ? `${process} · ${node}` : process });
      name.style.left = `${LEFT + COLUMN * column}px`;
      by('names').append(name);
    }
    by('count').textContent = `${timeline.count.toLocaleString('en')} operations`;
    by('view').addEventListener('scroll', () => this.draw());
    window.addEventListener('resize', () => this.draw());
    window.addEventListener('hashchange', () => this.follow());
    by('goto').addEventListener('change', () => { location.hash = `#i${by('goto').value}`; });
    document.addEventListener('keydown', (event) => event.key === 'Escape' && by('box')?.remove());
    this.draw();
    this.follow();
  }

  // Goes to the operation that the address names, as its invocation or its completion.
  follow() {
    const { timeline } = this;
    const entry = Number(/^#i(\d+)$/.exec(location.hash)?.[1] ?? -1);
    const op = timeline.operationAt[entry] ?? -1;
    if (op < 0) return;
    this.target = op;
    const view = by('view');
    view.scrollTop = timeline.first[op] * timeline.pitch - view.clientHeight / 3;
    view.scrollLeft = COLUMN * timeline.columns.get(timeline.ops.p[op]) - view.clientWidth / 3;
    this.draw();
    this.explain(op);
  }

  draw() {
    const { timeline } = this;
    const view = by('view');
    const from = Math.floor(view.scrollTop / timeline.pitch) - 5;
    const to = from + Math.ceil(view.clientHeight / timeline.pitch) + 10;
    const parts = [];
    for (const fault of timeline.faults) parts.push(...this.fault(fault, from, to));
    const step = Math.max(ROWS_PER_TIME, Math.ceil((ROWS_PER_TIME * PITCH) / timeline.pitch));
    for (let row = Math.max(0, Math.ceil(from / step) * step); row <= to && row < timeline.rows; row += step) {
      const time = element('i', { textContent: `${(timeline.rowTimes[row] / 1e6).toFixed(3)} s` });
      time.style.top = `${row * timeline.pitch}px`;
      parts.push(time);
    }
    for (const op of timeline.between(from, to)) parts.push(this.cell(op));
    by('cells').replaceChildren(...parts);
  }

  fault(fault, from, to) {
    const { timeline } = this;
    const rows = [timeline.rowAtTime(fault.from), timeline.rowAtTime(fault.to)];
    if (rows[1] <= from || rows[0] >= to || rows[0] === rows[1]) return [];
    const name = fault.where ? `${fault.name}: ${fault.where}` : fault.name;
    const band = element('b', { title: name });
    band.style.cssText = `top:${rows[0] * timeline.pitch}px;height:${(rows[1] - rows[0]) * timeline.pitch}px;`
      + `left:0;right:0;background:${fault.colour}`;
    return [band];
  }

  cell(op) {
    const { timeline } = this;
    const { ops, fs } = timeline;
    const index = timeline.index[op];
    const anomalous = timeline.wrong.has(index) || (ops.e[op] >= 0 && timeline.wrong.has(index + ops.e[op]));
    const cell = element('a', {
      id: `i${index}`,
      href: `#i${index}`,
      className: `${timeline.outcomes[ops.o[op]]}${anomalous ? ' wrong' : ''}${op === this.target ? ' target' : ''}`,
      textContent: `${fs[ops.f[op]]} ${ops.v[op].slice(0, 60)}`,
    });
    const rows = timeline.last[op] - timeline.first[op] + 1;
    cell.style.cssText = `left:${LEFT + COLUMN * timeline.columns.get(ops.p[op])}px;`
      + `top:${timeline.first[op] * timeline.pitch}px;height:${Math.max(1, rows * timeline.pitch - 1)}px`;
    cell.onclick = () => location.hash === `#i${index}` && this.explain(op);
    return cell;
  }

  // Shows the details of an operation.
  explain(op) {
    const { timeline } = this;
    const { ops } = timeline;
    const index = timeline.index[op];
    const end = ops.l[op] < 0 ? 'never completed'
      : `${timeline.outcomes[ops.o[op]]} after ${milliseconds(ops.l[op])} (operation ${index + ops.e[op]})`;
    const node = timeline.nodes[ops.p[op]];
    const on = node ? ` on ${node}` : '';
    const close = element('button', { textContent: '×', title: 'Close (Esc)' });
    close.style.float = 'right';
    const box = element('div', { id: 'box' }, close,
      element('h2', {}, `Operation ${index}: ${timeline.fs[ops.f[op]]}`),
      element('div', {}, `process ${ops.p[op]}${on}, at ${seconds(timeline.time[op])}, ${end}`),
      element('pre', { textContent: ops.v[op] }),
      timeline.messages ? element('a', { href: `messages.html#op=${index}`, textContent: 'its messages' }) : '');
    close.onclick = () => box.remove();
    by('box')?.remove();
    document.body.append(box);
  }
}

unpack('data').then((text) => {
  new View(new Timeline(JSON.parse(text)));
  document.documentElement.dataset.ready = 'true';
}).catch((error) => {
  by('count').textContent = `The timeline cannot be shown: ${error.message}`;
  throw error;
});
