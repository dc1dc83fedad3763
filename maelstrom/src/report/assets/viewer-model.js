// The data of a run, and the part of it that is shown.

// The forms of links to parts of the page: #op=12, #m=55, #t=1.5-1.8, #node=n3.
function readHash() {
  const found = {};
  for (const part of location.hash.slice(1).split('&')) {
    const [name, value] = part.split('=');
    if (value !== undefined) found[name] = decodeURIComponent(value);
  }
  return found;
}

// The messages and operations as columns.
class Model {
  constructor(data) {
    const { m, ops } = data;
    Object.assign(this, data);
    this.count = m.s.length;
    this.id = sums(m.id);
    this.sent = sums(m.t);
    this.latency = m.l;
    this.bodies = null;
    // The time up to which each message matters, and the latest of these so far.
    this.ends = new Float64Array(this.count);
    this.latest = new Float64Array(this.count);
    let latest = -Infinity;
    for (let i = 0; i < this.count; i++) {
      this.ends[i] = this.sent[i] + Math.max(0, m.l[i]);
      this.latest[i] = latest = Math.max(latest, this.ends[i]);
    }
    this.opIndex = sums(ops.i);
    this.opTime = sums(ops.t);
    this.opCount = ops.i.length;
    this.rowOfOp = new Map();
    for (let i = 0; i < this.opCount; i++) {
      this.rowOfOp.set(this.opIndex[i], i);
      if (ops.e[i] >= 0) this.rowOfOp.set(this.opIndex[i] + ops.e[i], i);
    }
    // The node that each client talks to: the receiver of its first message.
    this.home = new Int32Array(this.endpoints.length).fill(-1);
    for (let i = 0; i < this.count; i++) {
      if (this.roles[m.s[i]] === 2 && this.home[m.s[i]] < 0) this.home[m.s[i]] = m.d[i];
    }
    this.shown = new Uint8Array(this.count).fill(1);
    this.marked = new Uint8Array(this.count);
    const first = Math.min(0, this.count ? this.sent[0] : 0);
    this.bounds = [first, Math.max(this.end, latest, first + 1000)];
  }

  body(i) {
    return this.bodies ? this.bodies[i] : '';
  }

  // Returns the messages of a time range that the filter shows.
  visible(from, to) {
    const low = firstIndex(this.count, (i) => this.latest[i] >= from);
    const high = firstIndex(this.count, (i) => this.sent[i] > to);
    const found = [];
    for (let i = low; i < high; i++) {
      if (this.shown[i] && this.ends[i] >= from) found.push(i);
    }
    return found;
  }

  rowOfMessage(id) {
    const row = firstIndex(this.count, (i) => this.id[i] >= id);
    return row < this.count && this.id[row] === id ? row : -1;
  }

  messagesOf(op) {
    const found = [];
    for (let i = 0; i < this.count; i++) if (this.m.o[i] === op) found.push(i);
    return found;
  }

  // Applies a filter; returns the number of messages that it shows.
  filter({ node, kind, key, text, op, fate }) {
    const { s, d, k, o, f } = this.m;
    const keyed = key ? keyPattern(key) : null;
    let count = 0;
    for (let i = 0; i < this.count; i++) {
      const shows =
        (node < 0 || s[i] === node || d[i] === node || this.home[s[i]] === node || this.home[d[i]] === node) &&
        (kind < 0 || k[i] === kind) &&
        (fate < 0 || (fate === this.fates.length ? f[i] !== 1 : f[i] === fate)) &&
        (op < 0 || o[i] === op) &&
        (!text || this.body(i).includes(text)) &&
        (!keyed || keyed.test(this.body(i)));
      this.shown[i] = shows ? 1 : 0;
      count += this.shown[i];
    }
    return count;
  }

  // Marks the messages of an operation, and those whose body contains a value: all of them, or only
  // those between servers.
  mark(op, value, serversOnly = false) {
    this.marked.fill(0);
    if (op >= 0) for (const i of this.messagesOf(op)) this.marked[i] = 2;
    if (!value) return;
    const pattern = new RegExp(`(?<![\\w.])${escapePattern(value)}(?![\\w.])`);
    for (let i = 0; i < this.count; i++) {
      if (this.marked[i] || !this.body(i).includes(value)) continue;
      if (serversOnly && (this.roles[this.m.s[i]] === 2 || this.roles[this.m.d[i]] === 2)) continue;
      const body = this.body(i).replace(/"(msg_id|in_reply_to)":\s*\d+/g, '');
      if (pattern.test(body)) this.marked[i] = 1;
    }
  }
}

function escapePattern(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

// Matches a body that is about a key: as the value of "key", or as a name in a map of keys.
function keyPattern(key) {
  const name = escapePattern(key);
  return new RegExp(`"key":\\s*"?${name}"?\\s*[,}]|"${name}":|\\[\\s*"(append|r|w)",\\s*"?${name}"?,`);
}
