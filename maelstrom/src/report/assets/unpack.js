'use strict';

// Returns the text that an element of the page holds as gzip in base64.
async function unpack(id) {
  const binary = atob(document.getElementById(id).textContent.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

// Decodes an ascending list from its differences.
function sums(differences) {
  const values = new Float64Array(differences.length);
  let value = 0;
  for (let i = 0; i < differences.length; i++) values[i] = value += differences[i];
  return values;
}

// Returns the first index from 0 to `count` for which `holds` is true; it is false before and true after.
function firstIndex(count, holds) {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function seconds(us) {
  return (us / 1e6).toFixed(Math.abs(us) < 1e8 ? 4 : 3) + ' s';
}

function milliseconds(us) {
  return (us / 1000).toFixed(us < 1e4 ? 3 : 1) + ' ms';
}

// Creates an element with properties and children; text never becomes markup.
function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child != null && child !== ''));
  return made;
}
